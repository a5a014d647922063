"""Keras 3 callbacks that watch a network train: gradients, weights and activations, layer by layer.

>>> from callbacks import GradientMonitor
>>> gradients = GradientMonitor(log_dir="logs/run1", histogram_freq=1)
>>> model.fit(x, y, epochs=10, callbacks=[gradients])
>>> gradients.history["abs_mean"].shape      # (epochs, layers)
(10, 6)
"""

from .activations import ActivationMonitor
from .diagnosis import Diagnosis
from .gradients import GradientMonitor
from .weights import WeightNormMonitor

__all__ = ["ActivationMonitor", "Diagnosis", "GradientMonitor", "WeightNormMonitor"]
