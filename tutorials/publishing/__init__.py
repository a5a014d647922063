"""The published results: what the studies found, kept as text in docs/results/, and what is made from it.

`python -m tutorials publish` copies what the studies in a log directory found to docs/results/: each study's table, and
for each claim every seed's value. From these files alone it makes the tables and pictures of the documentation and the
counts that `Diagnosis` prints.
"""

from .kept import Results, collect
from .publish import publish, render, texts

__all__ = ["Results", "collect", "publish", "render", "texts"]
