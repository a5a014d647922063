"""Event files: written epoch by epoch, and read back."""

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
