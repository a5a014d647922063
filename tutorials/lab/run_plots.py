"""The plots of a single training; every function returns a matplotlib figure, which a notebook shows."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks.plots import draw_heatmap, log_norm, new_figure

BLUE, ORANGE = "#0072b2", "#d55e00"
"""Two colours that every kind of colour vision tells apart (Okabe and Ito, 2008)."""
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#000000")
"""The two, and three more of the same set."""

Arrays = tuple[np.ndarray, np.ndarray]


def plot_samples(train: Arrays, test: Arrays) -> Figure:
    """Plot the samples of both halves of the two circles, coloured by class."""
    figure = new_figure(figsize=(9, 4.6), layout="constrained")
    halves = (("train", train), ("test", test))
    for axes, (half, (x, y)) in zip(figure.subplots(1, 2, sharey=True), halves, strict=True):
        for label, circle, colour, marker in ((0, "outer", BLUE, "o"), (1, "inner", ORANGE, "^")):
            axes.scatter(*x[y == label].T, s=14, color=colour, marker=marker, label=f"class {label}, {circle} circle")
        axes.set(title=f"{half}: {len(x)} samples", xlabel="input 1, scaled", aspect="equal")
    figure.axes[0].set_ylabel("input 2, scaled")
    figure.axes[0].legend(loc="upper left", fontsize="small")
    figure.suptitle("Two circles: the noise makes the classes overlap, so no model classifies every sample correctly")
    return figure


def plot_accuracy(history: keras.callbacks.History, title: str) -> Figure:
    """Plot training and test accuracy over the epochs of one training."""
    figure = new_figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    draw_accuracy(axes, history.history)
    last = {name: history.history[name][-1] for name in ("accuracy", "val_accuracy")}
    axes.set_title(f"{title}: last epoch train {last['accuracy']:.3f}, test {last['val_accuracy']:.3f}")
    return figure


def draw_accuracy(axes: Axes, history: Mapping[str, list[float]]) -> None:
    """Draw the accuracies of a Keras history into `axes`, with the line of chance level."""
    epochs = range(1, len(history["accuracy"]) + 1)
    axes.plot(epochs, history["accuracy"], color=BLUE, label="train")
    axes.plot(epochs, history["val_accuracy"], color=ORANGE, linestyle="--", label="test")
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="chance level")
    axes.set(xlabel="epoch", ylabel="accuracy (share of samples)", ylim=(0.3, 1.0))
    axes.legend(loc="lower right")


def plot_gradients(monitors: Mapping[str, GradientMonitor]) -> Figure:
    """Plot the gradients of several models side by side on one colour scale.

    Args:
        monitors: a model's title to its `GradientMonitor` after `fit`.

    What to see: a dark band is a layer that hardly gets a gradient.
    """
    return draw_gradients({title: (one.layers, one.history["abs_mean"]) for title, one in monitors.items()})


def draw_gradients(histories: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> Figure:
    """Plot mean |gradient|, layers by epochs; `histories` has a panel's title to layers and array (epochs, layers)."""
    norm = log_norm(*(values for _, values in histories.values()))
    figure = new_figure(figsize=(5.5 * len(histories), 3.8), layout="constrained")
    panels = figure.subplots(1, len(histories), squeeze=False)[0]
    for axes, (title, (layers, values)) in zip(panels, histories.items(), strict=True):
        image = draw_heatmap(axes, values, layers, range(len(values)), norm)
        axes.set_title(title)
    figure.colorbar(image, ax=panels, label="mean |gradient| (log scale)")
    figure.suptitle("Gradient of each layer's kernel during training: dark layers hardly learn")
    return figure


def plot_weight_norms(monitors: Mapping[str, WeightNormMonitor]) -> Figure:
    """Plot each kernel's L1 norm, and the distance that its weights have travelled, a column per model.

    The distance is the sum of the changes from epoch to epoch, each in the L1 norm.

    Args:
        monitors: a model's title to its `WeightNormMonitor` after `fit`.
    """
    histories = {
        title: (monitor.layers, monitor.history["l1"], monitor.history["l1_change"].cumsum(axis=0))
        for title, monitor in monitors.items()
    }
    return draw_weight_norms(histories, "How far each layer's weights travel")


def draw_weight_norms(histories: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]], title: str) -> Figure:
    """Plot L1 norms over distances; `histories` has a column's title to layers and two arrays (epochs, layers)."""
    figure = new_figure(figsize=(5.4 * len(histories), 7), layout="constrained")
    panels = figure.subplots(2, len(histories), squeeze=False, sharey="row", sharex=True)
    for (column_title, (layers, *quantities)), column in zip(histories.items(), panels.T, strict=True):
        colours = colormaps["viridis"](np.linspace(0, 0.9, len(layers)))
        for axes, values in zip(column, quantities, strict=True):
            for layer, colour, line in zip(layers, colours, values.T, strict=True):
                axes.plot(range(1, len(line) + 1), line, color=colour, label=layer)
            axes.set(yscale="log")
        column[0].set_title(column_title)
        column[1].set_xlabel("epoch")
    panels[0, 0].set_ylabel("L1 norm of the kernel (log scale)")
    panels[1, 0].set_ylabel("distance travelled, L1 (log scale)")
    panels[0, -1].legend(fontsize="small", ncols=2)
    figure.suptitle(title)
    return figure
