"""Pictures of what the monitors recorded; every function returns a matplotlib figure."""

import io

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

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


def profile(lines, layers, label):
    """Draws a quantity along the layers on a logarithmic axis, a line for each epoch.

    Args:
        lines: dict of epoch to array of shape (layers,); signs are dropped. Zeros stand as open circles
            and NaN or infinite values as red crosses at the lower edge.
        layers: names of the layers, input to output; drawn from left to right.
        label: words of the y axis.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(max(6.5, min(14, 2 + 0.45 * len(layers))), 4.5), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(lines)))
    places = np.arange(len(layers))
    edge = axes.get_xaxis_transform()
    odd = False
    for colour, (epoch, values) in zip(colours, lines.items(), strict=True):
        values = np.abs(np.asarray(values, "float64"))
        finite = np.isfinite(values)
        shown = np.where(finite & (values > 0), values, np.nan)
        axes.plot(places, shown, color=colour, marker="o", markersize=4, label=f"epoch {epoch}")
        zero, broken = places[finite & (values == 0)], places[~finite]
        odd = odd or len(zero) + len(broken) > 0
        circles = {"marker": "o", "linestyle": "", "markerfacecolor": "none", "markeredgecolor": colour}
        axes.plot(zero, np.full(len(zero), 0.02), transform=edge, **circles)
        axes.plot(broken, np.full(len(broken), 0.02), transform=edge, marker="x", linestyle="", color=NONFINITE)
    if any((np.abs(values) > 0).any() for values in lines.values()):
        axes.set_yscale("log")
    every = max(1, round(len(layers) / 30))
    axes.set_xticks(places[::every], layers[::every], rotation=45, ha="right", parse_math=False)
    axes.set(xlabel="layer, from input to output", ylabel=f"{label} (log scale)")
    axes.set_title(f"{label} along the layers")
    if odd:
        axes.plot([], [], marker="o", linestyle="", color="0.3", markerfacecolor="none", label="zero")
        axes.plot([], [], marker="x", linestyle="", color=NONFINITE, label="NaN or infinite")
    axes.legend(fontsize="small")
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
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
