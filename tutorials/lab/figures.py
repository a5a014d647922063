"""The figures of the scripts; every function but `save` returns a matplotlib figure."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from callbacks.pictures import draw_heatmap, log_norm

from .results import LEARNED, wilson

BLUE, ORANGE = "#0072b2", "#d55e00"
"""Two colours that every kind of colour vision tells apart (Okabe and Ito, 2008)."""
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#000000")
"""The two, and three more of the same set."""


def save(figure, path):
    """Writes a figure as PNG and prints where."""
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def scatter(train, test):
    """Draws the points of both halves, coloured by class."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    for axes, words, (x, y) in zip(figure.subplots(1, 2, sharey=True), ("train", "test"), (train, test), strict=True):
        for label, circle, colour, marker in ((0, "outer", BLUE, "o"), (1, "inner", ORANGE, "^")):
            points = x[y == label]
            axes.scatter(*points.T, s=14, color=colour, marker=marker, label=f"class {label}, {circle} circle")
        axes.set(title=f"{words}: {len(x)} points", xlabel="input 1, scaled", aspect="equal")
    figure.axes[0].set_ylabel("input 2, scaled")
    figure.axes[0].legend(loc="upper left", fontsize="small")
    figure.suptitle("Two circles: the noise makes the classes overlap, so no model gets every point right")
    return figure


def accuracy(result):
    """Draws train and test accuracy over the epochs of one run."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    draw_accuracy(axes, result.history)
    words = f"train {result.train_accuracy:.3f}, test {result.test_accuracy:.3f} at the end"
    axes.set_title(f"{result.experiment.title}: {words}")
    return figure


def draw_accuracy(axes, history):
    """Draws the accuracies of a Keras history into `axes`, with the line of a coin toss."""
    epochs = range(1, len(history["accuracy"]) + 1)
    axes.plot(epochs, history["accuracy"], color=BLUE, label="train")
    axes.plot(epochs, history["val_accuracy"], color=ORANGE, linestyle="--", label="test")
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="coin toss")
    axes.set(xlabel="epoch", ylabel="accuracy (share of points)", ylim=(0.3, 1.0))
    axes.legend(loc="lower right")


def gradients(monitors):
    """Draws the gradients of several models side by side on one colour scale.

    Args:
        monitors: dict of a model's title to its `GradientMonitor` after `fit`.

    What to see: a dark band is a layer that hardly gets a gradient.
    """
    norm = log_norm(*(monitor.history["abs_mean"] for monitor in monitors.values()))
    figure = Figure(figsize=(5.5 * len(monitors), 3.8), layout="constrained")
    panels = figure.subplots(1, len(monitors), squeeze=False)[0]
    for axes, (title, monitor) in zip(panels, monitors.items(), strict=True):
        image = draw_heatmap(axes, monitor.history["abs_mean"], monitor.layers, monitor.epochs, norm)
        axes.set_title(title)
    figure.colorbar(image, ax=panels, label="mean |gradient| (log scale)")
    figure.suptitle("Gradient of each layer's kernel during training: dark layers hardly learn")
    return figure


def gradient_profiles(study):
    """Draws the mean gradient of each layer, a line a configuration: the median over seeds, quartiles as a band."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for (name, members), colour, marker in zip(study.members.items(), COLOURS, "os^Dv", strict=False):
        draw_band(axes, range(len(members.layers)), members.gradients, colour, marker, study.title(name))
    axes.set_xticks(range(len(members.layers)), members.layers)
    axes.set(xlabel="layer, from input to output", ylabel="mean |gradient| over the run (log scale)", yscale="log")
    axes.legend()
    axes.set_title(f"A remedy lifts the dip in the middle: gradient of each kernel, {seeds_words(study)}")
    return figure


def accuracy_by_rate(study):
    """Draws test accuracy against learning rate, a line an optimizer, and the share of seeds that learned."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for optimizer, words, colour, marker in (("sgd", "SGD, momentum 0.9", BLUE, "o"), ("adam", "Adam", ORANGE, "^")):
        names = [name for name, one in study.configurations.items() if one["optimizer"] == optimizer]
        rates = [study.configurations[name]["learning_rate"] for name in names]
        values = np.stack([study.members[name].test_accuracy for name in names], axis=1)
        draw_band(left, rates, values, colour, marker, words)
        draw_shares(right, rates, [study.members[name] for name in names], colour, marker, words)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="learning rate (log scale)")
    _accuracy_axis(left)
    figure.suptitle(f"Deep tanh with either optimizer, weights uniform in [0, 1]; {seeds_words(study)}")
    return figure


def accuracy_by_depth(study):
    """Draws test accuracy against the number of hidden layers, and the share of seeds that learned."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
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
    figure.suptitle(f"Each further tanh layer costs seeds that learn; {seeds_words(study)}")
    return figure


def width_by_depth(study):
    """Draws the median test accuracy and the number of seeds that learned, width by depth."""
    columns = study.configurations.values()
    depths, widths = (sorted({one[key] for one in columns}) for key in ("hidden_layers", "width"))
    accuracy, learned = (np.full((len(widths), len(depths)), np.nan) for _ in range(2))
    for name, one in study.configurations.items():
        place = widths.index(one["width"]), depths.index(one["hidden_layers"])
        accuracy[place] = np.median(study.members[name].test_accuracy)
        learned[place] = study.members[name].learned.sum()
    seeds = len(next(iter(study.members.values())).seeds)
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    panels = (
        (accuracy, "median test accuracy", 0.5, 0.85, "{:.2f}"),
        (learned, f"seeds that learned, of {seeds}", 0, seeds, "{:.0f}"),
    )
    for axes, (values, words, low, high, form) in zip(figure.subplots(2, 1), panels, strict=True):
        image = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, origin="lower", aspect="auto")
        axes.set_xticks(range(len(depths)), depths)
        axes.set_yticks(range(len(widths)), widths)
        axes.set(xlabel="hidden layers", ylabel="units in each")
        for (row, column), value in np.ndenumerate(values):
            dark = value < (low + high) / 2
            axes.text(column, row, form.format(value), ha="center", va="center", color="white" if dark else "black")
        figure.colorbar(image, ax=axes, label=words)
    figure.suptitle("Tanh networks by depth and breadth, weights uniform in [0, 1], 500 epochs")
    return figure


def weight_norms(study):
    """Draws each kernel's L1 norm, and its change from epoch to epoch, over the epochs; a column a configuration."""
    figure = Figure(figsize=(5.4 * len(study.members), 7), layout="constrained")
    panels = figure.subplots(2, len(study.members), squeeze=False, sharey="row", sharex=True)
    for (name, members), column in zip(study.members.items(), panels.T, strict=True):
        colours = colormaps["viridis"](np.linspace(0, 0.9, len(members.layers)))
        for axes, quantity in zip(column, ("weight_l1", "weight_l1_change"), strict=True):
            medians = np.median(members.history[quantity], axis=0)
            for layer, colour, line in zip(members.layers, colours, medians.T, strict=True):
                axes.plot(range(1, len(line) + 1), line, color=colour, label=layer)
            axes.set(yscale="log")
        column[0].set_title(study.title(name))
        column[1].set_xlabel("epoch")
    panels[0, 0].set_ylabel("L1 norm of the kernel (log scale)")
    panels[1, 0].set_ylabel("L1 norm of its change in an epoch (log scale)")
    panels[0, -1].legend(fontsize="small", ncols=2)
    figure.suptitle(f"How much each layer's weights change; median, {seeds_words(study)}")
    return figure


def accuracy_of_seeds(study):
    """Draws test accuracy over the epochs: a thin line a seed, the median bold; a panel a configuration."""
    columns = min(3, len(study.members))
    rows = -(-len(study.members) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained")
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
    figure.suptitle(f"Test accuracy of every seed (thin lines); {seeds_words(study)}")
    return figure


def draw_band(axes, places, values, colour, marker, words):
    """A line of medians over the rows of values (S, places), with a band between the quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(places, middle, color=colour, marker=marker, label=words)


def draw_shares(axes, places, replicates, colour, marker, words):
    """The share of seeds that learned, with its 95 % interval."""
    shares = np.array([members.learned.mean() for members in replicates])
    low, high = np.array([wilson(int(members.learned.sum()), len(members.seeds)) for members in replicates]).T
    bars = np.clip([shares - low, high - shares], 0, None)
    axes.errorbar(places, shares, yerr=bars, color=colour, marker=marker, capsize=3, label=words)
    axes.set(ylabel=f"share of seeds with test accuracy {LEARNED}+", ylim=(-0.03, 1.03))
    axes.legend(fontsize="small")


def _accuracy_axis(axes):
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="coin toss")
    axes.set(ylabel="test accuracy (share of points)", ylim=(0.4, 0.9))
    axes.legend(fontsize="small", loc="lower right" if axes.get_xlabel() == "" else "best")


def seeds_words(study):
    """Returns how many seeds a study has, in words."""
    return f"{len(next(iter(study.members.values())).seeds)} seeds"
