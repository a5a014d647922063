"""Pictures of what the monitors recorded; every function returns a matplotlib figure."""

import io

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

ZERO, NONFINITE = "#bdbdbd", "#d62728"
"""Colours of cells a logarithm cannot show; neither occurs in viridis."""


def heatmap(values, layers, epochs, title, label):
    """Draws layers by epochs, coloured by the logarithm of the magnitude.

    Args:
        values: array of shape (epochs, layers); signs are dropped. Zeros are drawn grey, NaN and
            infinities red.
        layers: names of the layers, input to output; drawn from bottom to top.
        epochs: list of int, the epochs of the rows.
        title: str.
        label: words of the colour bar.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(8, min(12, 1.8 + 0.3 * len(layers))), layout="constrained")
    axes = figure.add_subplot()
    image = draw_heatmap(axes, values, layers, epochs)
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label=f"{label} (log scale)")
    return figure


def draw_heatmap(axes, values, layers, epochs, norm=None):
    """Draws what `heatmap` describes into `axes` and returns the image, for a colour bar."""
    values = np.abs(np.asarray(values, "float64")).T
    finite = np.isfinite(values)
    shown = np.ma.masked_where(~finite | (values == 0), values)
    extent = (epochs[0] - 0.5, epochs[-1] + 0.5, -0.5, len(layers) - 0.5)
    drawn = {"aspect": "auto", "origin": "lower", "extent": extent, "interpolation": "nearest"}
    marks = np.ma.masked_where(finite & (values != 0), finite)
    axes.imshow(
        np.ma.filled(marks.astype(float), np.nan), cmap=ListedColormap([NONFINITE, ZERO]), vmin=0, vmax=1, **drawn
    )
    image = axes.imshow(shown, cmap="viridis", norm=norm or log_norm(values), **drawn)
    every = max(1, round(len(layers) / 30))
    axes.set_yticks(range(0, len(layers), every), layers[::every], parse_math=False)
    axes.set_xlabel("epoch")
    axes.set_ylabel("layer, input at the bottom")
    legend = [(ZERO, "zero", finite & (values == 0)), (NONFINITE, "NaN or infinite", ~finite)]
    handles = [Patch(color=colour, label=words) for colour, words, cells in legend if cells.any()]
    if handles:
        axes.legend(handles=handles, loc="upper right", fontsize="small")
    return image


def log_norm(*arrays):
    """Returns a colour scale that holds every positive finite value of the arrays."""
    values = np.concatenate([np.abs(np.asarray(array)).ravel() for array in arrays])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (values.min(), values.max()) if values.size else (0.1, 1.0)
    return LogNorm(low, high if high > low else low * 10)


def png(figure):
    """Returns the figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
