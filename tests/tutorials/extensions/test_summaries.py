"""Every script of extensions/ prints and draws what its study found; so does a script that draws nothing of its own."""

from tutorials import catalogue
from tutorials.studies import study
from tutorials.studies.study import show
from tutorials.studies.study_plots import accuracy_of_seeds
from tutorials.vanishing import shallow_tanh

import pytest

FINDINGS = {
    "xavier": (slice(None), "gradient_profile", "tanh, 5 hidden layers, Glorot: "),
    "adam": (slice(0, 10, 5), "accuracy_by_learning_rate", "Adam at its best learning rate, 0.001: "),
    "weight_change": (slice(None), "weight_change", "(input to output)"),
    "depth": (
        slice(3),
        "accuracy_by_depth",
        "The first depth at which fewer than 90% of the seeds learn, tanh, 1 x 5: ",
    ),
    "width": (slice(0, 50, 10), "width_by_depth", "25 units: seeds that learned, 1 to 10 layers: "),
}
"""Of a script: which of its experiments are studied here, its figure, and a part of what it prints."""


@pytest.mark.parametrize("name", catalogue.FOLDERS["extensions"])
def test_a_study_is_told_and_drawn(name, drawn, tmp_path, capsys):
    script = catalogue.script("extensions", name)
    chosen, figure, sentence = FINDINGS[name]
    with drawn():
        done = study(name, script.experiments[chosen], [1, 2], epochs=2, log_dir=tmp_path)
    drawn_figures = script.summarize(done)
    assert sentence in capsys.readouterr().out
    assert {*drawn_figures} == {figure}
    assert_says_how_many(drawn_figures[figure])
    show(done, lambda _: drawn_figures)
    assert (tmp_path / "study" / f"{name}_2_epochs" / f"{figure}.png").stat().st_size > 10_000


def assert_says_how_many(figure):
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert any("2 seeds, 2 epochs" in title for title in titles)


def test_the_usual_figure_is_every_seeds_accuracy(drawn, tmp_path):
    with drawn():
        done = study("shallow_tanh", shallow_tanh.SCRIPT.experiments, [1, 2], epochs=2, log_dir=tmp_path)
    assert shallow_tanh.SCRIPT.summarize is None
    assert_says_how_many(accuracy_of_seeds(done))
    show(done)
    assert (done.directory / "accuracy_of_seeds.png").stat().st_size > 10_000
