"""The plots of these scripts; every function returns a matplotlib figure, whose title says what to see.

In arrays of results the first axis is the seed, so `run` draws its one seed with the functions that draw a study.
"""

import textwrap
from collections.abc import Mapping, Sequence

from tutorials.course.course_plots import MARKERS, SEVEN_COLOURS, draw_curves, draw_seeds
from tutorials.studies.study_plots import draw_band

import numpy as np
from matplotlib.figure import Figure

from callbacks.plots import new_figure

Lines = Mapping[str, np.ndarray]
"""A line's label to its values, (seeds, x values)."""


def lines(x: Sequence[float], panels: Mapping[str, Lines], xlabel: str, title: str, xlog: bool = False) -> Figure:
    """Plot medians over the seeds with a band between the quartiles, one panel per quantity.

    Args:
        x: the x values, rising.
        panels: the label of the vertical axis, with its unit, to the lines.
        xlabel: the label of the horizontal axis.
        title: of the figure; long ones are wrapped.
        xlog: whether the horizontal axis is logarithmic.
    """
    figure = new_figure(figsize=(max(8, 1.5 + 5 * len(panels)), 4.8), layout="constrained")
    for axes, (ylabel, drawn) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for (label, values), colour, marker in zip(drawn.items(), SEVEN_COLOURS, MARKERS, strict=False):
            draw_band(axes, x, np.asarray(values), colour, marker, label)
        if xlog:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.set(xlabel=f"{xlabel} (log scale)" if xlog else xlabel, ylabel=ylabel)
        axes.legend(fontsize="small")
    figure.suptitle(_wrapped(title, figure))
    return figure


def curves(drawn: Lines, ylabel: str, title: str, xlabel: str = "epoch") -> Figure:
    """Plot medians over the seeds with a band between the quartiles, over epochs, trials or rounds.

    Args:
        drawn: a line's label to its values, (seeds, epochs).
        ylabel: the label of the vertical axis, with its unit.
        title: of the figure.
        xlabel: the label of the horizontal axis, which counts from 1.
    """
    figure = new_figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    draw_curves(axes, drawn)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(fontsize="small")
    axes.set_title(_wrapped(title, figure))
    return figure


def by_technique(accuracies: Lines, xlabel: str, title: str) -> Figure:
    """Draw every seed's value as a dot and the median as a bar, a row per technique.

    Args:
        accuracies: the technique to its values, (seeds,).
        xlabel: the label of the horizontal axis, with its unit.
        title: of the figure.
    """
    figure = new_figure(figsize=(8.5, 1.6 + 0.5 * len(accuracies)), layout="constrained")
    axes = figure.add_subplot()
    draw_seeds(axes, [*accuracies.values()], [*accuracies])
    axes.invert_yaxis()
    axes.set(xlabel=xlabel)
    axes.legend(fontsize="small")
    axes.set_title(_wrapped(title, figure))
    return figure


def _wrapped(title: str, figure: Figure) -> str:
    """A title in lines that fit into the figure."""
    return "\n".join(textwrap.wrap(title, int(11 * figure.get_figwidth())))
