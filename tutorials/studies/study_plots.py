"""The plots that the studies share; every function returns a matplotlib figure."""

from collections.abc import Sequence

from tutorials.lab.run_plots import BLUE, COLOURS, ORANGE, draw_weight_norms

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks.plots import new_figure

from .replicates import LEARNED, Replicates
from .store import Study
from .study_tables import wilson


def gradient_profiles(study: Study) -> Figure:
    """Draws the mean gradient of each layer, a line a configuration: the median over seeds, quartiles as a band."""
    figure = new_figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for (name, members), colour, marker in zip(study.members.items(), COLOURS, "os^Dv", strict=False):
        draw_band(axes, range(len(members.layers)), members.gradients, colour, marker, study.title(name))
    axes.set_xticks(range(len(members.layers)), members.layers)
    axes.set(xlabel="layer, from input to output", ylabel="mean |gradient| over the run (log scale)", yscale="log")
    axes.legend()
    axes.set_title(f"A remedy lifts the dip in the middle: gradient of each kernel, {number_of_seeds(study)}")
    return figure


def accuracy_by_rate(study: Study) -> Figure:
    """Draws test accuracy against learning rate, a line an optimizer, and the share of seeds that learned."""
    figure = new_figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for optimizer, label, colour, marker in (("sgd", "SGD, momentum 0.9", BLUE, "o"), ("adam", "Adam", ORANGE, "^")):
        names = [name for name, one in study.configurations.items() if one["optimizer"] == optimizer]
        rates = [study.configurations[name]["learning_rate"] for name in names]
        values = np.stack([study.members[name].test_accuracy for name in names], axis=1)
        draw_band(left, rates, values, colour, marker, label)
        draw_shares(right, rates, [study.members[name] for name in names], colour, marker, label)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="learning rate (log scale)")
    _accuracy_axis(left)
    figure.suptitle(f"Deep tanh with either optimizer, weights uniform in [0, 1]; {number_of_seeds(study)}")
    return figure


def accuracy_by_depth(study: Study) -> Figure:
    """Draws test accuracy against the number of hidden layers, and the share of seeds that learned."""
    figure = new_figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    depths = [one["hidden_layers"] for one in study.configurations.values()]
    values = np.stack([members.test_accuracy for members in study.members.values()], axis=1)
    for depth, column in zip(depths, values.T, strict=True):
        left.plot(np.full(len(column), depth), column, ".", color="0.75", markersize=4)
    draw_band(left, depths, values, BLUE, "o", "median; band: quartiles; dots: seeds")
    draw_shares(right, depths, list(study.members.values()), BLUE, "o", "share; bar: 95 % interval")
    for axes in (left, right):
        axes.set(xlabel="hidden layers of 5 tanh units")
        axes.set_xticks(depths)
    _accuracy_axis(left)
    learned = [int(members.learned.sum()) for members in study.members.values()]
    figure.suptitle(
        f"Tanh networks, {number_of_seeds(study)}: {learned[0]} learn with {depths[0]} hidden "
        f"layer{'s' * (depths[0] != 1)}, {learned[-1]} with {depths[-1]}"
    )
    return figure


def width_by_depth(study: Study) -> Figure:
    """Draws the median test accuracy and the number of seeds that learned, width by depth."""
    columns = study.configurations.values()
    depths, widths = (sorted({one[key] for one in columns}) for key in ("hidden_layers", "width"))
    accuracy, learned = (np.full((len(widths), len(depths)), np.nan) for _ in range(2))
    for name, one in study.configurations.items():
        place = widths.index(one["width"]), depths.index(one["hidden_layers"])
        accuracy[place] = np.median(study.members[name].test_accuracy)
        learned[place] = study.members[name].learned.sum()
    seeds = len(next(iter(study.members.values())).seeds)
    figure = new_figure(figsize=(9, 6.6), layout="constrained")
    panels = (
        (accuracy, "median test accuracy", 0.5, 0.85, "{:.2f}"),
        (learned, f"seeds that learned, of {seeds}", 0, seeds, "{:.0f}"),
    )
    for axes, (values, label, low, high, form) in zip(figure.subplots(2, 1), panels, strict=True):
        image = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, origin="lower", aspect="auto")
        axes.set_xticks(range(len(depths)), depths)
        axes.set_yticks(range(len(widths)), widths)
        axes.set(xlabel="hidden layers", ylabel="units in each")
        for (row, column), value in np.ndenumerate(values):
            dark = value < (low + high) / 2
            axes.text(column, row, form.format(value), ha="center", va="center", color="white" if dark else "black")
        figure.colorbar(image, ax=axes, label=label)
    figure.suptitle(f"Tanh networks by depth and width, weights uniform in [0, 1]; {number_of_seeds(study)}")
    return figure


def weight_norms(study: Study) -> Figure:
    """Draws each kernel's L1 norm, and the distance that its weights have travelled: medians over the seeds."""
    histories = {
        study.title(name): (
            members.layers.tolist(),
            np.median(members.history["weight_l1"], axis=0),
            np.median(members.history["weight_l1_change"].cumsum(axis=1), axis=0),
        )
        for name, members in study.members.items()
    }
    return draw_weight_norms(histories, f"How far each layer's weights travel; median of {number_of_seeds(study)}")


def accuracy_of_seeds(study: Study) -> Figure:
    """Draws test accuracy over the epochs: a thin line a seed, the median bold; a panel a configuration."""
    columns = min(3, len(study.members))
    rows = -(-len(study.members) // columns)
    figure = new_figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, members) in zip(panels.flat, study.members.items(), strict=False):
        curves = members.history["val_accuracy"]
        axes.plot(range(1, curves.shape[1] + 1), curves.T, color=BLUE, alpha=0.25, linewidth=0.6)
        axes.plot(range(1, curves.shape[1] + 1), np.median(curves, axis=0), color=ORANGE, linewidth=2, label="median")
        axes.set_title(f"{study.title(name)}: {members.learned.sum()} of {len(members.seeds)} learned", fontsize=10)
        _accuracy_axis(axes)
    for axes in panels.flat[len(study.members) :]:
        axes.set_axis_off()
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    figure.suptitle(f"Test accuracy of every seed (thin lines); {number_of_seeds(study)}")
    return figure


def draw_band(axes: Axes, places: Sequence[float], values: np.ndarray, colour: str, marker: str, label: str) -> None:
    """A line of medians over the rows of values (S, places), with a band between the quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(places, middle, color=colour, marker=marker, label=label)


def draw_shares(
    axes: Axes, places: Sequence[float], replicates: Sequence[Replicates], colour: str, marker: str, label: str
) -> None:
    """The share of seeds that learned, with its 95 % interval."""
    shares = np.array([members.learned.mean() for members in replicates])
    low, high = np.array([wilson(int(members.learned.sum()), len(members.seeds)) for members in replicates]).T
    bars = np.clip([shares - low, high - shares], 0, None)
    axes.errorbar(places, shares, yerr=bars, color=colour, marker=marker, capsize=3, label=label)
    axes.set(ylabel=f"share of seeds with test accuracy {LEARNED}+", ylim=(-0.03, 1.03))
    axes.legend(fontsize="small")


def _accuracy_axis(axes: Axes) -> None:
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="chance level")
    axes.set(ylabel="test accuracy (share of samples)", ylim=(0.4, 0.9))
    axes.legend(fontsize="small", loc="lower right" if axes.get_xlabel() == "" else "best")


def number_of_seeds(study: Study, with_epochs: bool = True) -> str:
    """Return how many seeds a study has, and for how many epochs they were trained, as a phrase for a title."""
    seeds = len(next(iter(study.members.values())).seeds)
    if not with_epochs:
        return f"{seeds} seed{'s' * (seeds > 1)}"
    epochs = sorted({one["epochs"] for one in study.configurations.values() if "epochs" in one})
    return f"{seeds} seed{'s' * (seeds > 1)}" + (f", {' or '.join(map(str, epochs))} epochs" if epochs else "")
