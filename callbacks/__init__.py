"""Keras 3 callbacks that watch a network train: gradients, weights and activations, layer by layer.

Import them from `gradient_monitor` where the wheel is installed, from `callbacks` in a checkout of the repository.

>>> gradients = GradientMonitor(log_dir="logs/run1", histogram_freq=1)
>>> model.fit(x, y, epochs=10, callbacks=[gradients])
>>> gradients.history["abs_mean"].shape      # (epochs, layers)
(10, 6)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .activations import ActivationMonitor
    from .diagnosis.callback import Diagnosis
    from .diagnosis.check import check
    from .gradients import GradientMonitor
    from .weights import WeightNormMonitor

__all__ = ["ActivationMonitor", "Diagnosis", "GradientMonitor", "WeightNormMonitor", "check"]

# The callbacks are imported when they are first asked for (PEP 562), because that loads TensorFlow, which takes
# seconds: `python -m callbacks --help` imports this module and needs none of them.
_MODULE_OF = {
    "ActivationMonitor": ".activations",
    "Diagnosis": ".diagnosis.callback",
    "GradientMonitor": ".gradients",
    "WeightNormMonitor": ".weights",
    "check": ".diagnosis.check",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
