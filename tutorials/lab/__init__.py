"""One training: its data, fast epochs, a directory of its own, its metrics and its plots.

The scripts import this package first, because importing it loads TensorFlow without the notices that TensorFlow
prints as it starts.
"""

from . import quiet_start  # isort: split

from .compiled_epochs import whole_epochs
from .data import (
    adding_problem,
    digits,
    held_out,
    only_classes,
    shifted,
    stratified_subset,
    tumours,
    two_circles,
    without_fold,
)
from .run_plots import plot_accuracy, plot_gradients, plot_samples
from .runs import EpochMetrics, new_run, write_image, write_trial

__all__ = [
    "EpochMetrics",
    "adding_problem",
    "digits",
    "held_out",
    "new_run",
    "only_classes",
    "plot_accuracy",
    "plot_gradients",
    "plot_samples",
    "quiet_start",
    "shifted",
    "stratified_subset",
    "tumours",
    "two_circles",
    "whole_epochs",
    "without_fold",
    "write_image",
    "write_trial",
]
