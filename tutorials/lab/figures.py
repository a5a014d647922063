"""The figures of the scripts; every function but `save` returns a matplotlib figure."""

from matplotlib.figure import Figure

from callbacks.pictures import draw_heatmap, log_norm

BLUE, ORANGE = "#0072b2", "#d55e00"
"""Two colours that every kind of colour vision tells apart (Okabe and Ito, 2008)."""


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
