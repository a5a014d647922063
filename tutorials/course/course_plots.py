"""The figures of the course's scripts; every function returns a matplotlib figure, whose title says what to see."""

import re

import numpy as np
from matplotlib.figure import Figure

from tutorials.lab.figures import BLUE, COLOURS, ORANGE, draw_band, draw_shares, seeds_words
from tutorials.lab.results import LEARNED

SEVEN = (*COLOURS, "#56b4e9", "#e69f00")
"""Okabe and Ito's colours, without the yellow that white paper swallows."""
MARKERS = "os^DvPX"


def league(study, networks):
    """Draws how many seeds learn with each technique (rows) on each network (columns), the best technique on top.

    Args:
        study: the `Study` of remedies.
        networks: dict of how the network fails to its title.
    """
    counts = {}
    for name, members in study.members.items():
        fails = next(one for one in networks if name.startswith(f"{one}_"))
        counts.setdefault(study.title(name), {})[fails] = int(members.learned.sum())
    seeds = len(next(iter(study.members.values())).seeds)
    words = sorted(counts, key=lambda one: -np.mean([*counts[one].values()]))
    table = np.array([[counts[one].get(fails, np.nan) for fails in networks] for one in words])
    figure = Figure(figsize=(3.4 + 2 * len(networks), 1.2 + 0.3 * len(words)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(table, cmap="viridis", vmin=0, vmax=seeds, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        text = "does not apply" if np.isnan(value) else f"{value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color="white" if value < seeds / 2 else "black")
    labels = [re.sub("^(.*?, .*?), ", "\\1,\n", title) for title in networks.values()]  # two lines
    axes.set_xticks(range(len(networks)), labels)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(words)), words)
    axes.get_yticklabels()[words.index("nothing")].set_fontweight("bold")
    figure.colorbar(image, ax=axes, label=f"seeds that learn, of {seeds}")
    figure.suptitle("Which technique, alone, makes a network learn that fails as it is?")
    return figure


def activations(names):
    """Draws activations and their derivatives."""
    from .activations import derivatives, function

    z = np.linspace(-5, 5, 401).astype("float32")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, colour, dashes in zip(names, COLOURS, ("-", "--", "-.", ":"), strict=False):
        words = name.replace("_", " ")
        left.plot(z, np.array(function(name)(z)), dashes, color=colour, label=words, linewidth=2)
        right.plot(z, derivatives(name, z), dashes, color=colour, label=words, linewidth=2)
    left.set(xlabel="input z", ylabel="activation a(z)", ylim=(-1.5, 3))
    right.set(xlabel="input z", ylabel="derivative da/dz")
    right.axhline(0.25, color="0.5", linewidth=1)
    right.annotate("0.25, the most a sigmoid lets through", (-5, 0.27), color="0.35", fontsize=8)
    left.legend()
    figure.suptitle(
        "Activations and their derivatives: the sigmoid's is never above 0.25, that of tanh is 1 at zero only"
    )
    return figure


def derivative_products(study, names):
    """Draws the mean product of derivatives against depth."""
    products = study.members["derivatives"].measured["product"]
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    depths = range(1, products.shape[2] + 1)
    for number, (name, colour, marker) in enumerate(zip(names, COLOURS, MARKERS, strict=False)):
        middle = np.median(products[:, number], axis=0)
        axes.plot(
            depths, np.where(middle > 0, middle, np.nan), color=colour, marker=marker, label=name.replace("_", " ")
        )
    axes.set(yscale="log", xlabel="layers", ylabel="mean product of derivatives (log scale)")
    axes.legend()
    axes.set_title(f"What is left of a gradient: each activation takes a factor a layer; {len(products)} seeds")
    return figure


def parabola(study, rates):
    """Draws gradient descent on f(x) = x², a line a learning rate."""
    ways = study.members["parabola"].measured["descent"][0]
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for rate, way, colour, marker in zip(rates, ways, COLOURS, MARKERS, strict=False):
        axes.plot(way, color=colour, marker=marker, markersize=4, label=f"learning rate {rate}")
    axes.set(xlabel="step", ylabel="x (log scale beyond 1)", yscale="symlog")
    axes.set_xticks(range(0, 21, 5))
    axes.axhline(0, color="0.5", linewidth=1)
    figure.legend(loc="outside lower center", ncols=len(rates))
    axes.set_title("Descent on f(x) = x²: 0.45 arrives at once, 0.9 swings, 1.05 flies off")
    return figure


def linear_networks(study):
    """Draws test accuracy of the linear networks beside a coin toss."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    values = [members.test_accuracy for members in study.trained.values()]
    axes.boxplot(values, orientation="horizontal", tick_labels=[study.title(name) for name in study.trained])
    axes.axvline(0.5, color="0.5", linestyle=":", label="coin toss")
    axes.axvline(LEARNED, color=ORANGE, linestyle="--", label="learned")
    axes.set(xlabel="test accuracy (share of points)", xlim=(0.3, 0.9))
    axes.legend(loc="lower right")
    axes.set_title(f"Five linear layers are one linear layer: no circle for either; {seeds_words(study)}")
    return figure


def averages(betas):
    """Draws a noisy cosine and its averages, and their first values with and without the correction."""
    from .averages import average, signal

    clean, noisy = signal(1)
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for axes, last in ((left, len(noisy)), (right, 60)):
        axes.plot(noisy[:last], ".", color="0.75", markersize=4, label="cosine with noise")
        axes.plot(clean[:last], color="0.4", linewidth=1, label="cosine")
        for beta, colour, dashes in zip(betas, COLOURS, ("-", "--", "-."), strict=False):
            axes.plot(average(noisy, beta)[:last], dashes, color=colour, label=f"beta {beta}")
        axes.set(xlabel="point", ylabel="value")
    for beta, colour in zip(betas, COLOURS, strict=False):
        right.plot(average(noisy, beta, corrected=False)[:60], ":", color=colour, linewidth=2)
    right.plot([], ":", color="black", label="without the correction")
    left.legend(ncols=2, fontsize="small", loc="lower right")
    right.legend(*[part[-1:] for part in right.get_legend_handles_labels()], fontsize="small")
    left.set_title("A larger beta is smoother and lags behind")
    right.set_title("The first values start at zero if not corrected")
    return figure


def paths(members, landscape, names, words, steps, limits):
    """Draws the optimizers' ways over the contours of a landscape, the first seed's bold, a panel an optimizer.

    `limits` are the largest |x1| and |x2| to be seen.
    """
    ways = members.measured["paths"]
    figure = Figure(figsize=(14, 6.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    for number, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _contours(axes, landscape, *limits)
        for way in ways[1:6, number, : steps + 1]:
            axes.plot(*way.T, color=BLUE, linewidth=0.6, alpha=0.4)
        way = ways[0, number, : steps + 1]
        axes.plot(*way.T, "-o", color=BLUE, markersize=3, linewidth=1.2)
        axes.plot(*way[0], "s", color="black", markersize=7, label="start")
        axes.plot(*way[-1], "*", color=ORANGE, markersize=12, label=f"after {steps} steps")
        axes.set(title=name, xlim=(-limits[0], limits[0]), ylim=(-limits[1], limits[1]))
        if number >= 3:
            axes.set_xlabel("x1")
            axes.xaxis.set_tick_params(labelbottom=True)
        if number % 4 == 0:
            axes.set_ylabel("x2")
    panels[-1].set_axis_off()
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", fontsize="large")
    figure.suptitle(f"{words}; contours of f, five more seeds as thin lines")
    return figure


def _contours(axes, landscape, wide, high):
    """The contours of a landscape, from -wide to wide and from -high to high."""
    grid = np.stack(np.meshgrid(np.linspace(-wide, wide, 200), np.linspace(-high, high, 200)), axis=-1)
    axes.contour(*np.moveaxis(grid, -1, 0), landscape(grid), levels=16, colors="0.8", linewidths=0.8)


def animation(ways, landscape):
    """Returns a `matplotlib.animation.Animation` of several ways over one landscape.

    Args:
        ways: dict of an optimizer's name to its way, (steps + 1, 2).
        landscape: function of points (..., 2).
    """
    from matplotlib.animation import FuncAnimation

    wide, high = 1.1 * np.abs(np.concatenate([*ways.values()])).max(axis=0)
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    _contours(axes, landscape, wide, high)
    lines = [
        axes.plot([], [], "-", color=colour, marker=marker, markersize=4, label=name)[0]
        for name, colour, marker in zip(ways, SEVEN, MARKERS, strict=False)
    ]
    axes.set(xlabel="x1", ylabel="x2")
    axes.legend(fontsize="small", loc="upper right")

    def draw(step):
        for line, way in zip(lines, ways.values(), strict=True):
            line.set_data(*way[: step + 1].T)
        axes.set_title(f"step {step}")
        return lines

    return FuncAnimation(figure, draw, frames=min(map(len, ways.values())))


def accuracy_by_optimizer(study, groups, chosen):
    """Draws the median test accuracy by learning rate, and at each optimizer's best rate the seeds that learn.

    Args:
        study: the `Study`.
        groups: dict of an optimizer's name to its experiments', a rate each.
        chosen: dict of an optimizer's name to the experiment at its best rate.
    """
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (words, names), colour, marker in zip(groups.items(), SEVEN, MARKERS, strict=False):
        rates = [study.configurations[name]["learning_rate"] for name in names]
        values = [np.median(study.members[name].test_accuracy) for name in names]
        left.plot(rates, values, color=colour, marker=marker, label=words)
    left.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="coin toss")
    left.set(xscale="log", xlabel="learning rate (log scale)", ylabel="median test accuracy (share of points)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize="small")
    labels = [f"{words}, {study.configurations[name]['learning_rate']:g}" for words, name in chosen.items()]
    values = [study.members[name].test_accuracy for name in chosen.values()]
    right.boxplot(values, orientation="horizontal", tick_labels=labels)
    right.axvline(LEARNED, color=ORANGE, linestyle="--", label="learned")
    right.set(xlabel="test accuracy of the seeds at the best rate")
    right.invert_yaxis()
    right.legend(fontsize="small", loc="lower left")
    figure.suptitle(f"Deep tanh with seven optimizers, weights uniform in [0, 1]; {seeds_words(study)}")
    return figure


def accuracy_by_batch_size(study):
    """Draws test accuracy, epochs to 80 % and seconds to 80 % against the batch size."""
    figure = Figure(figsize=(14, 4.4), layout="constrained")
    panels = figure.subplots(1, 3)
    members, sizes = list(study.members.values()), [int(name.split("_")[-1]) for name in study.members]
    epochs = np.stack([one.epochs_to_80 for one in members], axis=1)
    pace = np.stack([one.seconds / one.history["loss"].shape[1] for one in members], axis=1)
    quantities = [np.stack([one.test_accuracy for one in members], axis=1), epochs, epochs * pace]
    words = (
        "test accuracy (share of points)",
        "epochs to 80 %, seeds that get there (log scale)",
        "seconds to 80 % (log scale)",
    )
    for axes, values, label in zip(panels, quantities, words, strict=True):
        seen = np.isfinite(values).mean(axis=0) >= 0.5
        if seen.any():
            low, middle, high = np.nanquantile(values[:, seen], [0.25, 0.5, 0.75], axis=0)
            places = np.array(sizes)[seen]
            axes.fill_between(places, low, high, color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(places, middle, "o-", color=BLUE)
        axes.set(xscale="log", xlabel="points a step (log scale)", ylabel=label)
        axes.set_xticks(sizes, sizes)
        axes.minorticks_off()
    for axes in panels[1:]:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    figure.suptitle(f"Deep tanh, Glorot weights, by batch size: median and quartiles of {seeds_words(study)}")
    return figure


def accuracy_by_length(study, steps, cells):
    """Draws accuracy and seeds that learn against the length of the sequence, a line a cell."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, words), colour, marker in zip(cells.items(), (ORANGE, BLUE), MARKERS, strict=False):
        members = [study.members[f"{name}_{length}"] for length in steps]
        draw_band(left, steps, np.stack([one.test_accuracy for one in members], axis=1), colour, marker, words)
        draw_shares(right, steps, members, colour, marker, words)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="steps of the sequence (log scale)")
        axes.set_xticks(steps, steps)
        axes.minorticks_off()
    left.set(ylabel="share of sums right within 0.1", ylim=(0, 1.03))
    left.axhline(0.19, color="0.5", linestyle=":", label="answering 1 always")
    left.legend(fontsize="small")
    figure.suptitle(f"The adding problem: how far back a recurrent network learns to look; {seeds_words(study)}")
    return figure


def input_gradients(study, cells, steps):
    """Draws the gradient of the answer with respect to each step's input, before and after training."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    for axes, when, title in zip(figure.subplots(1, 2, sharey=True), (0, 1), ("before", "after"), strict=True):
        for (name, words), colour, dashes in zip(cells.items(), (ORANGE, BLUE), ("--", "-"), strict=False):
            values = study.members[f"{name}_{steps}"].measured["input_gradient"][:, when]
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
            axes.fill_between(range(1, steps + 1), low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(range(1, steps + 1), middle, dashes, color=colour, label=words)
        axes.set(yscale="log", xlabel="step of the input", title=f"{title} training")
    figure.axes[0].set_ylabel("|d answer / d input| (log scale)")
    figure.axes[0].legend()
    figure.suptitle(f"How much the answer hangs on each of {steps} inputs: only the LSTM learns to look back")
    return figure


def cross_validation(validated, tested, shapes):
    """Draws cross-validated against test accuracy of each shape, all seeds."""
    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    axes = figure.add_subplot()
    colours = dict(zip(sorted({width for _, width in shapes}), COLOURS, strict=False))
    markers = dict(zip(sorted({depth for depth, _ in shapes}), MARKERS, strict=False))
    for number, (depth, width) in enumerate(shapes):
        axes.plot(validated[:, number], tested[:, number], markers[depth], color=colours[width], alpha=0.5,
                  markersize=5, linestyle="none", label=f"{depth} x {width}")  # fmt: skip
    axes.axline((0.6, 0.6), slope=1, color="0.5", linewidth=1, linestyle=":")
    axes.set(
        xlabel="accuracy by five-fold cross-validation on the training half",
        ylabel="test accuracy, trained on the whole half",
    )
    axes.legend(title="layers x units", ncols=3, fontsize="small")
    axes.set_title(f"Cross-validation ranks the shapes as the test half does (dotted: equal); {len(tested)} seeds")
    return figure


def gaps(study):
    """Draws training and test accuracy of each technique, the median, joined by the gap."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.add_subplot()
    names = sorted(study.members, key=lambda name: np.median(study.members[name].test_accuracy))
    for place, name in enumerate(names):
        train, test = (
            np.median(one) for one in (study.members[name].train_accuracy, study.members[name].test_accuracy)
        )
        axes.plot([test, train], [place, place], color="0.7", linewidth=3, zorder=1)
        axes.plot(train, place, "o", color=BLUE, label="training" if place == 0 else None)
        axes.plot(test, place, "^", color=ORANGE, label="test" if place == 0 else None)
    axes.set_yticks(range(len(names)), [study.title(name) for name in names])
    axes.set(xlabel="accuracy (share of images), median over seeds")
    axes.legend(loc="lower right")
    axes.set_title(f"The gap between training and test accuracy, the best on top; {seeds_words(study)}")
    return figure


def weight_sizes(study):
    """Draws the share of hidden weights next to zero against their mean size, a point a technique."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for (name, members), colour, marker in zip(study.members.items(), [*SEVEN, *SEVEN], "os^DvPX<>*hp", strict=False):
        near, size = (np.median(members.measured[key][:, 1]) for key in ("near_zero", "mean_weight"))
        axes.plot(size, near, marker, color=colour, markersize=8, linestyle="none", label=study.title(name))
    axes.set(xscale="log", xlabel="mean |hidden weight| (log scale)", ylabel="share of hidden weights below 0.001")
    axes.legend(fontsize="small")
    axes.set_title("L1 sets weights to zero, L2 only makes them small")
    return figure


def pruning(study, removed):
    """Draws accuracy against the share of hidden weights removed, smallest first."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(removed))
    pruned = {name: members for name, members in study.members.items() if "pruned" in members.measured}
    for (name, members), colour, marker in zip(pruned.items(), (BLUE, ORANGE), MARKERS, strict=False):
        draw_band(axes, places, members.measured["pruned"][:, 1, :, 1], colour, marker, study.title(name))
    axes.set_xticks(places, [f"{share:.0%}" for share in removed])
    axes.set(xlabel="share of the hidden weights removed, the smallest first", ylabel="test accuracy (share of images)")
    axes.legend(loc="lower left")
    axes.set_title(f"Most weights can go: test accuracy after pruning, without training again; {seeds_words(study)}")
    return figure
