"""What the scripts share. Importing it is quick: TensorFlow is only loaded where it is needed."""

from .command import load_tensorflow, main
from .experiment import Experiment, Measurement, Settings, Task, mlp

__all__ = ["Experiment", "Measurement", "Settings", "Task", "load_tensorflow", "main", "mlp"]
