"""Plots of what the monitors recorded; every function returns a matplotlib figure."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

ZERO_COLOUR, NONFINITE_COLOUR, MISSING_COLOUR = "#bdbdbd", "#d62728", "white"
"""Colours of the cells that a logarithm cannot show; none occurs in viridis."""

MAX_LABELLED_LAYERS = 30
"""Names of layers along an axis, about; where there are more, every second, third, ... layer has its name."""


class _RichFigure(Figure):
    """A figure that Jupyter shows as the last line of a cell, with and without `%matplotlib inline`.

    A figure made without pyplot has no rich display of its own: Jupyter shows its text. Where `%matplotlib inline` is
    on, Jupyter prefers the printer that this registered for all figures to `_repr_png_`, so the figure shows once.
    """

    def _repr_png_(self) -> bytes:
        return png(self)


def new_figure(**options: Any) -> Figure:
    """Return an empty figure that needs no pyplot and shows in Jupyter as the last line of a cell.

    Args:
        **options: what `matplotlib.figure.Figure` takes, such as `figsize` and `layout`.

    >>> figure = new_figure(figsize=(8, 4.5), layout="constrained")
    >>> axes = figure.add_subplot()
    """
    return _RichFigure(**options)


def heatmap(values: np.ndarray, layers: Sequence[str], epochs: Sequence[int], title: str) -> Figure:
    """Plot layers by epochs, coloured by the logarithm of the magnitude.

    Args:
        values: array of shape (epochs, layers); signs are dropped. Zeros are drawn grey, NaN and infinities red, and
            masked values of a `numpy.ma.MaskedArray` white.
        layers: names of the layers, input to output; drawn from bottom to top.
        epochs: the epochs of the rows, counted from 0 as `monitor.epochs`; drawn counted from 1, as Keras prints them.
        title: title of the plot; it names the quantity.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    height = np.clip(1.8 + 0.3 * len(layers), 3.8, 12)
    figure = new_figure(figsize=(8, height), layout="constrained")
    axes = figure.add_subplot()
    image = draw_heatmap(axes, values, layers, epochs)
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label="log scale")
    return figure


def profile(lines: Mapping[int, np.ndarray], layers: Sequence[str], label: str) -> Figure:
    """Plot a quantity along the layers on a logarithmic axis, a line for each epoch.

    Args:
        lines: dict of epoch, counted from 0, to array of shape (layers,); signs are dropped. Zeros are drawn as open
            circles and NaN or infinite values as red crosses at the lower edge, masked values not at all.
        layers: names of the layers, input to output; drawn from left to right.
        label: label of the y axis.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = new_figure(figsize=(max(6.5, min(14, 2 + 0.45 * len(layers))), 4.5), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(lines)))
    positions = np.arange(len(layers))
    lower_edge: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "linestyle": ""}
    zero_style: dict[str, Any] = {"marker": "o", "markerfacecolor": "none"}
    nonfinite_style: dict[str, Any] = {"marker": "x", "color": NONFINITE_COLOUR}
    needs_legend = False
    for colour, (epoch, values) in zip(colours, lines.items(), strict=True):
        is_missing = np.ma.getmaskarray(values)
        values = np.abs(np.asarray(values, "float64"))
        is_finite = np.isfinite(values)
        shown = np.where(is_finite & (values > 0), values, np.nan)
        axes.plot(positions, shown, color=colour, marker="o", markersize=4, label=f"epoch {epoch + 1}")
        zero, nonfinite = positions[is_finite & (values == 0)], positions[~is_finite & ~is_missing]
        needs_legend = needs_legend or len(zero) + len(nonfinite) > 0
        axes.plot(zero, np.full(len(zero), 0.02), **lower_edge, **zero_style, markeredgecolor=colour)
        axes.plot(nonfinite, np.full(len(nonfinite), 0.02), **lower_edge, **nonfinite_style)
    if any((np.abs(values) > 0).any() for values in lines.values()):
        axes.set_yscale("log")
    labelled = _labelled(len(layers))
    axes.set_xticks(positions[labelled], _shortened(layers[labelled]), rotation=45, ha="right", parse_math=False)
    axes.set(xlabel="layer, from input to output", ylabel=f"{label} (log scale)")
    axes.set_title(f"{label} along the layers")
    if needs_legend:
        axes.plot([], [], linestyle="", **zero_style, color="0.3", label="zero")
        axes.plot([], [], linestyle="", **nonfinite_style, label="NaN or infinite")
    axes.legend(fontsize="small")
    return figure


def draw_heatmap(
    axes: Axes, values: np.ndarray, layers: Sequence[str], epochs: Sequence[int], norm: Normalize | None = None
) -> AxesImage:
    """Draw what `heatmap` describes into `axes`.

    Args:
        axes: the axes to draw into.
        values: array of shape (epochs, layers), masked where there is no value.
        layers: names of the layers, input to output.
        epochs: the epochs of the rows, counted from 0.
        norm: colour scale; None takes one that holds all values.

    Returns:
        The image, for a colour bar.
    """
    is_missing = np.ma.getmaskarray(values).T
    values = np.abs(np.asarray(values, "float64")).T
    is_nonfinite, is_zero = ~np.isfinite(values) & ~is_missing, (values == 0) & ~is_missing
    first, last = epochs[0] + 1, epochs[-1] + 1
    extent = (first - 0.5, last + 0.5, -0.5, len(layers) - 0.5)
    options: dict[str, Any] = {"aspect": "auto", "origin": "lower", "extent": extent, "interpolation": "nearest"}
    marked = np.where(is_nonfinite, 0.0, np.where(is_zero, 1.0, np.nan))
    axes.imshow(marked, cmap=ListedColormap([NONFINITE_COLOUR, ZERO_COLOUR]), vmin=0, vmax=1, **options)
    shown = np.ma.masked_where(is_nonfinite | is_zero | is_missing, values)
    image = axes.imshow(shown, cmap="viridis", norm=norm or log_norm(values), **options)
    labelled = _labelled(len(layers))
    axes.set_yticks(np.arange(len(layers))[labelled], _shortened(layers[labelled]), parse_math=False)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("layer, input at the bottom")
    marks = [
        (ZERO_COLOUR, "zero", is_zero),
        (NONFINITE_COLOUR, "NaN or infinite", is_nonfinite),
        (MISSING_COLOUR, "no value", is_missing),
    ]
    handles = [
        Patch(facecolor=colour, edgecolor=ZERO_COLOUR, label=label) for colour, label, cells in marks if cells.any()
    ]
    if handles:
        axes.legend(handles=handles, loc="upper right", fontsize="small")
    return image


def _labelled(layers: int) -> slice:
    """The layers whose names are drawn, so that names do not overlap."""
    return slice(None, None, max(1, round(layers / MAX_LABELLED_LAYERS)))


def _shortened(names: Sequence[str]) -> list[str]:
    """Names along an axis, the middle of long ones left out: without room for the axes nothing would be drawn."""
    return [f"{name[:14]}…{name[-14:]}" if len(name) > 30 else name for name in names]


def log_norm(*arrays: np.ndarray) -> LogNorm:
    """Return a logarithmic colour scale that holds the magnitude of every finite value but 0 of the arrays."""
    values = np.concatenate([np.abs(np.asarray(array)).ravel() for array in arrays])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (values.min(), values.max()) if values.size else (0.1, 1.0)
    return LogNorm(low, high if high > low else low * 10)


def png(figure: Figure, dpi: int = 100) -> bytes:
    """Return the figure as the bytes of a PNG file, at so many dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
