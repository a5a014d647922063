"""Event files: written epoch by epoch, and read back; and the tab Layers, which shows them in TensorBoard."""

from .reader import RunReader
from .writer import LayerArray, SummaryWriter

__all__ = ["LayerArray", "RunReader", "SummaryWriter"]
