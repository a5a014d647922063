"""What the scripts share. Importing it is quick: TensorFlow is only loaded where it is needed."""

from .command import load_tensorflow, main
from .experiment import Experiment, Settings, mlp

__all__ = ["Experiment", "Settings", "load_tensorflow", "main", "mlp"]
