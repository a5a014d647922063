import base64
import io
import warnings

import matplotlib.image
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor
from callbacks.plots import NONFINITE_COLOUR, ZERO_COLOUR, heatmap, png, profile

VALUES = np.array([[1e-3, 1.0, 0.0], [1e-2, np.nan, 0.5], [1e-1, 2.0, np.inf]])
EPOCHS, LAYERS = [0, 1, 2], ["first", "second", "third"]


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_zeros_and_values_that_are_not_finite_are_marked_and_explained():
    figure = heatmap(VALUES, LAYERS, EPOCHS, "title")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["zero", "NaN or infinite"]
    picture = (matplotlib.image.imread(io.BytesIO(png(figure)))[..., :3] * 255).round()
    for colour, cells in ((ZERO_COLOUR, 1), (NONFINITE_COLOUR, 2)):
        pixels = (np.abs(picture - rgb(colour)) < 1.5).all(axis=-1).sum()
        assert pixels > cells * 2000


def test_what_has_no_value_is_not_shown_as_nan():
    """A share that does not apply to a layer, unlike one of outputs that are all NaN."""
    monitor = ActivationMonitor(np.zeros((1, 1)))
    monitor.begin(LAYERS)
    row = dict.fromkeys(monitor.QUANTITIES, np.ones(3))
    row |= {"saturated_fraction": np.array([0.5, np.nan, np.nan]), "nonfinite": np.array([0, 0, 9])}
    monitor.record(0, row)
    figure = monitor.plot("saturated_fraction")
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["NaN or infinite", "no value"]
    marked, shown = (image.get_array().filled(-1).ravel().tolist() for image in figure.axes[0].images)
    assert marked == [-1, -1, 0]  # the third is red
    assert shown == [0.5, -1, -1]
    profile_axes = monitor.plot_profile("saturated_fraction").axes[0]
    crosses = [line.get_xdata().tolist() for line in profile_axes.lines if line.get_marker() == "x"]
    assert crosses[0] == [2]


def test_no_legend_where_nothing_is_odd():
    assert heatmap(np.ones((2, 2)), ["a", "b"], [0, 1], "").axes[0].get_legend() is None


@pytest.mark.parametrize("monitor", [GradientMonitor(), WeightNormMonitor(), ActivationMonitor(np.zeros((1, 1)))])
def test_the_title_names_the_quantity_and_is_shown_whole_as_it_is_and_as_narrow_as_in_tensorboard(monitor):
    monitor.begin(["a"])
    monitor.record(0, dict.fromkeys(monitor.QUANTITIES, np.ones(1)))
    for quantity, label in monitor.QUANTITIES.items():
        figure = monitor.plot(quantity)
        title = figure.axes[0].title
        assert title.get_text() == f"{label} of each layer"
        assert figure.axes[1].get_ylabel() == "log scale"
        for width in (figure.get_figwidth(), 5):
            figure.set_figwidth(width)
            figure.draw_without_rendering()
            extent = title.get_window_extent()
            assert 0 <= extent.x0 < extent.x1 <= figure.bbox.x1
            assert 0 <= extent.y0 < extent.y1 <= figure.bbox.y1


@pytest.mark.parametrize("count", [1, 5, 100])
def test_layer_names_do_not_overlap(count):
    layers = [f"dense_{i}" for i in range(count)]
    values = np.random.RandomState(0).rand(50, count)
    for figure in (heatmap(values, layers, list(range(50)), ""), profile({0: values[0]}, layers, "")):
        figure.draw_without_rendering()
        axes = figure.axes[0]
        along = "y" if axes.get_ylabel().startswith("layer") else "x"
        labels = axes.get_yticklabels() if along == "y" else axes.get_xticklabels()
        edges = sorted(getattr(label.get_window_extent(), f"{along}1") for label in labels)
        assert len(edges) == 1 or np.diff(edges).min() >= 8


@pytest.mark.parametrize("values", [np.zeros((2, 3)), np.full((2, 3), np.nan), np.full((2, 3), 1e-30)])
def test_plots_of_nothing(values):
    assert png(heatmap(values, LAYERS, [0, 1], ""))
    assert png(profile({0: values[0], 1: values[1]}, LAYERS, ""))


def test_profile_has_a_line_for_each_epoch():
    monitor = GradientMonitor()
    monitor.begin(LAYERS)
    row = dict.fromkeys(monitor.QUANTITIES, np.ones(3))
    for epoch in range(11):
        monitor.record(epoch, row | {"abs_mean": np.full(3, epoch + 1.0)})
    labels = lambda figure: [text.get_text() for text in figure.axes[0].get_legend().get_texts()]  # noqa: E731
    assert labels(monitor.plot_profile()) == ["epoch 1", "epoch 3", "epoch 6", "epoch 9", "epoch 11"]
    assert labels(monitor.plot_profile("l2", epochs=[3, 7])) == ["epoch 4", "epoch 8"]
    line = monitor.plot_profile(epochs=[4]).axes[0].lines[0]
    assert line.get_ydata().tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="recorded, 0 to 10, not"):
        monitor.plot_profile(epochs=[11])


def test_jupyter_shows_every_plot_of_a_monitor():
    monitor = GradientMonitor()
    monitor.begin(LAYERS)
    monitor.record(0, dict.fromkeys(monitor.QUANTITIES, np.ones(3)))
    for figure in (monitor.plot(), monitor.plot_profile()):
        assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_notebook_shows_a_plot_once_with_and_without_matplotlib_inline():
    plot = "heatmap(np.ones((2, 3)), ['a', 'b', 'c'], [0, 1], 'title')"
    cells = ["import numpy as np\nfrom callbacks.plots import heatmap", plot, "%matplotlib inline", plot]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    for cell in (notebook.cells[1], notebook.cells[3]):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(pictures) == 1
        assert base64.b64decode(pictures[0].data["image/png"]).startswith(b"\x89PNG")


def test_long_names_leave_room_for_the_picture():
    names = ["a" * 200, "b" * 30]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = heatmap(np.ones((2, 2)), names, [0, 1], "")
        figure.set_size_inches(5, 3.2)
        assert png(figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [f"{'a' * 14}…{'a' * 14}", "b" * 30]
