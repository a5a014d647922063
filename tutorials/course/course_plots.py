"""The plots of the course's scripts; every function returns a matplotlib figure, whose title says what to see.

In arrays of results the first axis is the seed, so `run` draws its one seed with the functions that draw a study.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from tutorials.lab.run_plots import BLUE, COLOURS, ORANGE
from tutorials.studies import LEARNED, Study, number_of_seeds
from tutorials.studies.study_plots import draw_band, draw_shares

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import spearmanr

from callbacks.plots import new_figure

SEVEN_COLOURS = (*COLOURS, "#56b4e9", "#e69f00")
"""Okabe and Ito's colours without yellow, which is hard to see on white."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = "os^DvPX"

Landscape = Callable[[np.ndarray], np.ndarray]
"""A function f of places (..., 2) that returns their heights (...)."""


def accuracy_curves(curves: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw test accuracy over the epochs, a line per network: the median over the seeds, quartiles as a band.

    Args:
        curves: a network's title to its test accuracies, (seeds, epochs).
        title: of the figure.
    """
    figure = new_figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    draw_curves(axes, curves)
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="chance level")
    axes.set(xlabel="epoch", ylabel="test accuracy (share of samples)", ylim=(0.3, 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(steps=(1, 2, 5, 10), integer=True))
    axes.legend(fontsize="small")
    axes.set_title(title)
    return figure


def draw_curves(axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    """Draw a line of medians over the seeds for each array (seeds, epochs), with a band between the quartiles."""
    for (label, values), colour, dashes in zip(curves.items(), SEVEN_COLOURS, DASHES, strict=False):
        epochs = range(1, values.shape[1] + 1)
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(epochs, middle, color=colour, linestyle=dashes, label=label)


def league(study: Study, networks: Mapping[str, str]) -> Figure:
    """Draw how many seeds learn with each technique (rows) on each network (columns), the best technique on top.

    Args:
        study: the study of remedies; its experiments are named NETWORK_TECHNIQUE, such as `vanishing_plain`.
        networks: the first part of these names to the network's title.
    """
    counts: dict[str, dict[str, int]] = {}
    for name, members in study.members.items():
        network = next(one for one in networks if name.startswith(f"{one}_"))
        counts.setdefault(study.title(name), {})[network] = int(members.learned.sum())
    seeds = len(next(iter(study.members.values())).seeds)
    techniques = sorted(counts, key=lambda one: -float(np.mean([*counts[one].values()])))
    table = np.array([[counts[one].get(network, np.nan) for network in networks] for one in techniques])
    figure = new_figure(figsize=(3.4 + 2 * len(networks), 1.2 + 0.3 * len(techniques)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(table, cmap="viridis", vmin=0, vmax=seeds, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        text = "does not apply" if np.isnan(value) else f"{value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color="white" if value < seeds / 2 else "black")
    in_two_lines = [re.sub("^(.*?, .*?), ", "\\1,\n", title) for title in networks.values()]
    axes.set_xticks(range(len(networks)), in_two_lines)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(techniques)), techniques)
    without = {study.title(name) for name in study.members if name.endswith("_plain")}
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in without else "normal")
    figure.colorbar(image, ax=axes, label=f"seeds that learn, of {seeds}")
    figure.suptitle("Which technique, alone, makes a network learn that fails without it (bold)?")
    return figure


def activations(z: np.ndarray, curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw activations and their derivatives.

    Args:
        z: the inputs.
        curves: an activation's name to its values and its derivatives at z.
    """
    figure = new_figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, (values, slopes)), colour, dashes in zip(curves.items(), COLOURS, DASHES, strict=False):
        left.plot(z, values, color=colour, linestyle=dashes, label=name, linewidth=2)
        right.plot(z, slopes, color=colour, linestyle=dashes, label=name, linewidth=2)
    left.set(xlabel="input z", ylabel="activation a(z)", ylim=(-1.5, 3))
    right.set(xlabel="input z", ylabel="derivative da/dz")
    right.axhline(0.25, color="0.5", linewidth=1)
    right.annotate("0.25, the largest derivative of a sigmoid", (-5, 0.27), color="0.35", fontsize=8)
    left.legend()
    figure.suptitle(
        "Activations and their derivatives: the sigmoid's is never above 0.25, that of tanh is 1 at zero only"
    )
    return figure


def derivative_products(products: np.ndarray, names: Iterable[str]) -> Figure:
    """Draw the mean product of derivatives against depth, a line per activation: the median over the seeds.

    Args:
        products: (seeds, activations, layers).
        names: of the activations.
    """
    figure = new_figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    medians = np.median(products, axis=0)
    for name, line, colour, marker in zip(names, medians, COLOURS, MARKERS, strict=False):
        shown = np.where(line > 0, line, np.nan)
        layers = range(1, len(line) + 1)
        axes.plot(layers, shown, color=colour, marker=marker, markersize=7, fillstyle="none", label=name)
    axes.set(yscale="log", xlabel="layers", ylabel="mean product of derivatives (log scale)")
    axes.legend()
    axes.set_title(f"What is left of a gradient after so many layers of activations; {_seeds(len(products))}")
    return figure


def parabola(descents: np.ndarray, rates: Sequence[float]) -> Figure:
    """Draw gradient descent on f(x) = x², a line per learning rate.

    Args:
        descents: x after each step, (rates, steps + 1).
        rates: the learning rates.
    """
    figure = new_figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for rate, descent, colour, marker in zip(rates, descents, COLOURS, MARKERS, strict=False):
        course = "diverges" if abs(descent[-1]) > abs(descent[0]) else "converges"
        oscillates = ", oscillates" if (descent[1:] * descent[:-1] < 0).any() else ""
        axes.plot(descent, color=colour, marker=marker, markersize=4, label=f"rate {rate}: {course}{oscillates}")
    axes.set(xlabel="step", ylabel="x (log scale beyond 1)", yscale="symlog")
    axes.set_xticks(range(0, descents.shape[1], 5))
    axes.axhline(0, color="0.5", linewidth=1)
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title("Gradient descent on f(x) = x²: a step multiplies x by 1 - 2 times the learning rate")
    return figure


def averages(clean: np.ndarray, noisy: np.ndarray, averaged: Mapping[float, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw a noisy signal and its averages, and their first values with and without the correction.

    Args:
        clean: the signal without its noise.
        noisy: the signal.
        averaged: beta to the average after each value, corrected and uncorrected.
    """
    figure = new_figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for axes, last in ((left, len(noisy)), (right, 60)):
        axes.plot(noisy[:last], ".", color="0.75", markersize=4, label="cosine with noise")
        axes.plot(clean[:last], color="0.4", linewidth=1, label="cosine")
        for (beta, (corrected, _)), colour, dashes in zip(averaged.items(), COLOURS, DASHES, strict=False):
            axes.plot(corrected[:last], color=colour, linestyle=dashes, label=f"beta {beta}")
        axes.set(xlabel="step", ylabel="value")
    for (_, uncorrected), colour in zip(averaged.values(), COLOURS, strict=False):
        right.plot(uncorrected[:60], ":", color=colour, linewidth=2)
    right.plot([], ":", color="black", label="without the correction")
    left.legend(ncols=2, fontsize="small", loc="lower right")
    right.legend(*[part[-1:] for part in right.get_legend_handles_labels()], fontsize="small")
    left_over = [np.diff(corrected).std() / np.diff(noisy).std() for corrected, _ in averaged.values()]
    shares = ", ".join(f"{share:.0%} with beta {beta}" for beta, share in zip(averaged, left_over, strict=True))
    left.set_title(f"What averaging leaves of the changes from step to step:\n{shares}")
    right.set_title("Uncorrected averages start\nat 1 - beta times the first value")
    return figure


def paths(
    places: np.ndarray,
    landscape: Landscape,
    names: Sequence[str],
    title: str,
    steps: int,
    limits: tuple[float, float],
) -> Figure:
    """Draw the optimizers' paths over the contours of a landscape, a panel per optimizer, the first seed's bold.

    Args:
        places: (seeds, optimizers, steps + 1, 2).
        landscape: the function that is descended.
        names: of up to seven optimizers.
        title: begins the title.
        steps: how many are drawn.
        limits: the largest |x1| and |x2| in the panels.
    """
    figure = new_figure(figsize=(14, 6.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    others = places[1:6, :, : steps + 1]
    for number, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _draw_contours(axes, landscape, *limits)
        for path in others[:, number]:
            axes.plot(*path.T, color=BLUE, linewidth=0.6, alpha=0.4)
        path = places[0, number, : steps + 1]
        axes.plot(*path.T, "-o", color=BLUE, markersize=3, linewidth=1.2)
        axes.plot(*path[0], "s", color="black", markersize=7, label="start")
        axes.plot(*path[-1], "*", color=ORANGE, markersize=12, label=f"after {steps} steps")
        axes.set(title=name, xlim=(-limits[0], limits[0]), ylim=(-limits[1], limits[1]))
        if number >= 3:
            axes.set_xlabel("x1")
            axes.xaxis.set_tick_params(labelbottom=True)
        if number % 4 == 0:
            axes.set_ylabel("x2")
    panels[-1].set_axis_off()
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", fontsize="large")
    thin_lines = f"; thin lines: {_seeds(len(others), 'more seed')}" if len(others) else ""
    figure.suptitle(f"{title}; grey: contours of f{thin_lines}")
    return figure


def _draw_contours(axes: Axes, landscape: Landscape, limit_1: float, limit_2: float) -> None:
    """Draw the contours of a landscape up to the largest |x1| and |x2|."""
    across, along = np.linspace(-limit_1, limit_1, 200), np.linspace(-limit_2, limit_2, 200)
    grid = np.stack(np.meshgrid(across, along), axis=-1)
    axes.contour(*np.moveaxis(grid, -1, 0), landscape(grid), levels=16, colors="0.8", linewidths=0.8)


def animation(places: Mapping[str, np.ndarray], landscape: Landscape) -> FuncAnimation:
    """Return an animation of several paths over one landscape, a frame per step.

    Args:
        places: an optimizer's name to its path, (steps + 1, 2).
        landscape: the function that is descended.
    """
    limits = 1.1 * np.abs(np.concatenate([*places.values()])).max(axis=0)
    figure = new_figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    _draw_contours(axes, landscape, *limits)
    lines = [
        axes.plot([], [], "-", color=colour, marker=marker, markersize=4, label=name)[0]
        for name, colour, marker in zip(places, SEVEN_COLOURS, MARKERS, strict=False)
    ]
    axes.set(xlabel="x1", ylabel="x2")
    axes.legend(fontsize="small", loc="upper right")

    def draw(step: int) -> Sequence[Artist]:
        for line, path in zip(lines, places.values(), strict=True):
            line.set_data(*path[: step + 1].T)
        axes.set_title(f"step {step}")
        return lines

    return FuncAnimation(figure, draw, frames=min(map(len, places.values())))


def accuracy_by_optimizer(
    accuracies: Mapping[tuple[str, float], np.ndarray], best: Sequence[tuple[str, float]], seeds: str
) -> Figure:
    """Draw the median test accuracy by learning rate, and for each optimizer's best rate the seeds one by one.

    Args:
        accuracies: an optimizer's title and its learning rate to the test accuracies of the seeds, (seeds,).
        best: the pairs of optimizer and learning rate that are drawn on the right.
        seeds: how many, and how long they were trained, to end the title.
    """
    figure = new_figure(figsize=(13, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in accuracies))
    for optimizer, colour, marker in zip(optimizers, SEVEN_COLOURS, MARKERS, strict=False):
        rates = [rate for one, rate in accuracies if one == optimizer]
        medians = [np.median(accuracies[optimizer, rate]) for rate in rates]
        left.plot(rates, medians, color=colour, marker=marker, label=optimizer)
    left.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="chance level")
    left.set(xscale="log", xlabel="learning rate (log scale)", ylabel="median test accuracy (share of samples)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize="small")
    labels = []
    for optimizer, rate in best:
        values = accuracies[optimizer, rate]
        labels.append(f"{optimizer} at {rate:g}: {(values >= LEARNED).sum()} of {len(values)}")
    draw_seeds(right, [accuracies[pair] for pair in best], labels)
    right.axvline(LEARNED, color=ORANGE, linestyle="--", label=f"learned: {LEARNED} or more")
    right.set(xlabel="test accuracy at the best learning rate; left: how many seeds learned")
    right.invert_yaxis()
    right.legend(fontsize="small")
    figure.suptitle(f"Deep tanh with {len(optimizers)} optimizers, weights uniform in [0, 1]; {seeds}")
    return figure


def draw_seeds(axes: Axes, groups: Sequence[np.ndarray], labels: Sequence[str]) -> None:
    """Draw every value as a dot and the median of a group as a bar, a row per group."""
    for row, values in enumerate(groups):
        spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot([np.median(values)] * 2, [row - 0.35, row + 0.35], color="black", linewidth=2)
        axes.plot(values, row + spread, ".", color=BLUE, markersize=5, alpha=0.6)
    axes.plot([], [], ".", color=BLUE, label="a seed")
    axes.plot([], [], color="black", linewidth=2, label="median")
    axes.set_yticks(range(len(groups)), labels)


def accuracy_by_batch_size(study: Study) -> Figure:
    """Draw test accuracy, epochs to 80 % and seconds to 80 % against the batch size."""
    figure = new_figure(figsize=(14, 4.4), layout="constrained")
    panels = figure.subplots(1, 3)
    members, sizes = list(study.members.values()), [int(name.split("_")[-1]) for name in study.members]
    epochs = np.stack([one.epochs_to_80 for one in members], axis=1)
    seconds_per_epoch = np.stack([one.seconds / one.history["loss"].shape[1] for one in members], axis=1)
    quantities = {
        "test accuracy (share of samples)": np.stack([one.test_accuracy for one in members], axis=1),
        "epochs to 80 %, seeds that get there (log scale)": epochs,
        "seconds to 80 % (log scale)": epochs * seconds_per_epoch,
    }
    for axes, (label, values) in zip(panels, quantities.items(), strict=True):
        shown = np.isfinite(values).mean(axis=0) >= 0.5
        if shown.any():
            low, middle, high = np.nanquantile(values[:, shown], [0.25, 0.5, 0.75], axis=0)
            places = np.array(sizes)[shown]
            axes.fill_between(places, low, high, color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(places, middle, "o-", color=BLUE)
        axes.set(xscale="log", xlabel="samples per batch (log scale)", ylabel=label)
        axes.set_xticks(sizes, sizes)
        axes.set_xlim(sizes[0] / 1.4, sizes[-1] * 1.4)
        axes.minorticks_off()
    for axes in panels[1:]:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    figure.suptitle(
        f"Deep tanh, Glorot weights, by batch size: median and quartiles; {number_of_seeds(study)}; sizes at which "
        "fewer than half of the seeds get to 80 % are left out"
    )
    return figure


def accuracy_by_length(study: Study, steps: Sequence[int], cells: Mapping[str, str]) -> Figure:
    """Draw accuracy and the share of seeds that learn against the length of the sequence, a line per cell.

    Args:
        study: the study of recurrent networks; its experiments are named CELL_STEPS.
        steps: the lengths.
        cells: the first part of these names to the cell's title.
    """
    figure = new_figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (cell, title), colour, marker in zip(cells.items(), (ORANGE, BLUE), MARKERS, strict=False):
        members = [study.members[f"{cell}_{length}"] for length in steps]
        draw_band(left, steps, np.stack([one.test_accuracy for one in members], axis=1), colour, marker, title)
        draw_shares(right, steps, members, colour, marker, title)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="steps of the sequence (log scale)")
        axes.set_xticks(steps, steps)
        axes.minorticks_off()
    left.set(ylabel="share of sums predicted within 0.1", ylim=(0, 1.03))
    left.axhline(0.19, color="0.5", linestyle=":", label="always predicting 1")
    left.legend(fontsize="small")
    figure.suptitle(f"The adding problem: recurrent networks by length of the sequence; {number_of_seeds(study)}")
    return figure


def input_gradients(gradients: Mapping[str, np.ndarray]) -> Figure:
    """Draw the gradient of the answer with respect to each step's input, before and after training.

    Args:
        gradients: a cell's title to the norms, (seeds, 2, steps), before and after training.
    """
    figure = new_figure(figsize=(11, 4.6), layout="constrained")
    far_over_near = []
    panels = figure.subplots(1, 2, sharey=True)
    for (title, norms), colour, dashes in zip(gradients.items(), (ORANGE, BLUE), ("--", "-"), strict=False):
        low, middle, high = np.quantile(norms, [0.25, 0.5, 0.75], axis=0)
        for when, axes in enumerate(panels):
            steps = range(1, middle.shape[1] + 1)
            axes.fill_between(steps, low[when], high[when], color=colour, alpha=0.2, linewidth=0)
            axes.plot(steps, middle[when], dashes, color=colour, label=title)
        first_half, second_half = np.array_split(middle[1], [middle.shape[1] // 2])
        far_over_near.append(f"{title} {first_half.mean() / second_half.mean():.1g}")
    for axes, title in zip(panels, ("before training", "after training"), strict=True):
        axes.set(yscale="log", xlabel="step of the input", title=title)
    panels[0].set_ylabel("|d answer / d input| (log scale)")
    panels[0].legend()
    seeds, _, length = next(iter(gradients.values())).shape
    figure.suptitle(
        f"How strongly the answer depends on each of {length} inputs; {_seeds(seeds)}\n"
        f"mean of the first half of the inputs over that of the second, after training: {', '.join(far_over_near)}"
    )
    return figure


def cross_validation(validated: np.ndarray, tested: np.ndarray, shapes: Sequence[tuple[int, int]]) -> Figure:
    """Draw cross-validated accuracy against test accuracy of each shape, a dot per seed.

    Args:
        validated: accuracy by cross-validation, (seeds, shapes).
        tested: test accuracy after training on the whole training half, (seeds, shapes).
        shapes: layers and units of the networks.
    """
    figure = new_figure(figsize=(7.5, 5.4), layout="constrained")
    axes = figure.add_subplot()
    colours = dict(zip(sorted({width for _, width in shapes}), COLOURS, strict=False))
    markers = dict(zip(sorted({depth for depth, _ in shapes}), MARKERS, strict=False))
    for number, (depth, width) in enumerate(shapes):
        axes.plot(validated[:, number], tested[:, number], markers[depth], color=colours[width], alpha=0.6,
                  markersize=6, linestyle="none", label=f"{depth} x {width}")  # fmt: skip
    axes.axline((0.6, 0.6), slope=1, color="0.5", linewidth=1, linestyle=":")
    axes.set(
        xlabel="accuracy by five-fold cross-validation on the training half",
        ylabel="test accuracy, trained on the whole half",
    )
    axes.legend(title="layers x units", ncols=3, fontsize="small")
    correlation = spearmanr(np.median(validated, axis=0), np.median(tested, axis=0)).statistic
    axes.set_title(
        f"Cross-validation against the test half: rank correlation {correlation:.2f}\n"
        f"of the {len(shapes)} shapes' medians (dotted: equal accuracies); {_seeds(len(tested))}"
    )
    return figure


def gaps(study: Study) -> Figure:
    """Draw training and test accuracy of each technique, medians over the seeds, joined by the gap between them."""
    figure = new_figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.add_subplot()
    names = sorted(study.members, key=lambda name: float(np.median(study.members[name].test_accuracy)))
    for row, name in enumerate(names):
        train, test = np.median(study.members[name].train_accuracy), np.median(study.members[name].test_accuracy)
        axes.plot([test, train], [row, row], color="0.7", linewidth=3, zorder=1)
        axes.plot(train, row, "o", color=BLUE, label="training" if row == 0 else None)
        axes.plot(test, row, "^", color=ORANGE, label="test" if row == 0 else None)
    axes.set_yticks(range(len(names)), [study.title(name) for name in names])
    axes.set(xlabel="accuracy (share of images), median over seeds")
    axes.legend(loc="lower right")
    axes.set_title(
        f"The gap between training and test accuracy, the best test accuracy on top\n{number_of_seeds(study)}"
    )
    return figure


def weight_sizes(study: Study) -> Figure:
    """Draw the share of hidden weights below 0.001 against their mean magnitude, a marker per technique."""
    figure = new_figure(figsize=(8.5, 5.2), layout="constrained")
    axes = figure.add_subplot()
    near_zero, mean_weight = (
        {name: float(np.median(members.measured[key][:, 1])) for name, members in study.members.items()}
        for key in ("near_zero", "mean_weight")
    )
    for name, colour, marker in zip(study.members, SEVEN_COLOURS * 2, "os^DvPX<>*hp", strict=False):
        axes.plot(mean_weight[name], near_zero[name], marker, color=colour, markersize=8, label=study.title(name))
    axes.set(xscale="log", xlabel="mean |hidden weight| (log scale)", ylabel="share of hidden weights below 0.001")
    axes.legend(fontsize="small")
    sparsest, smallest = max(near_zero, key=near_zero.__getitem__), min(mean_weight, key=mean_weight.__getitem__)
    axes.set_title(
        f"Most hidden weights below 0.001: {study.title(sparsest)}, {near_zero[sparsest]:.0%}\n"
        f"smallest mean magnitude: {study.title(smallest)}, {mean_weight[smallest]:.2g}; {number_of_seeds(study)}"
    )
    return figure


def pruning(study: Study, removed: Sequence[float]) -> Figure:
    """Draw test accuracy against the share of hidden weights removed, the smallest first.

    Args:
        study: the study of regularization; drawn are the experiments that measured `pruned`.
        removed: the shares, 0 first.
    """
    figure = new_figure(figsize=(8.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(removed))
    pruned = {name: members for name, members in study.members.items() if "pruned" in members.measured}
    for (name, members), colour, marker in zip(pruned.items(), (BLUE, ORANGE), MARKERS, strict=False):
        test_accuracy = members.measured["pruned"][:, 1, :, 1]
        medians = np.median(test_accuracy, axis=0)
        costly = np.flatnonzero(medians < medians[0] - 0.02)
        share = removed[costly[0] - 1 if len(costly) else -1]
        label = f"{study.title(name)}: {share:.0%} can be removed for 0.02"
        draw_band(axes, places, test_accuracy, colour, marker, label)
    axes.set_xticks(places, [f"{share:.0%}" for share in removed])
    axes.set(xlabel="share of the hidden weights removed, the smallest first", ylabel="test accuracy (share of images)")
    axes.legend(loc="lower left")
    axes.set_title(f"Test accuracy after pruning, without training again; {number_of_seeds(study)}")
    return figure


def _seeds(number: int, noun: str = "seed") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
