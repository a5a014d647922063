"""The pictures of the documentation, each a function of the published results that returns a matplotlib figure."""

from collections.abc import Callable

from tutorials.course import descent, recurrent, remedies
from tutorials.course.course_plots import input_gradients, league, paths
from tutorials.lab.run_plots import draw_gradients
from tutorials.studies import number_of_seeds
from tutorials.studies.study_plots import accuracy_by_depth, width_by_depth
from tutorials.techniques import fine_tuning, normalization

import numpy as np
from matplotlib.figure import Figure

from .kept import PICTURED_STEPS, Results


def _draw_tutorial(results: Results) -> Figure:
    histories = {}
    for name, title in (("deep_tanh", "tanh, 5 hidden layers"), ("deep_relu", "ReLU, 5 hidden layers")):
        rows = [row for row in results.rows("gradients") if row["network"] == name]
        layers = [column for column in rows[0] if column.startswith("dense_")]
        histories[title] = (layers, np.array([[float(row[layer]) for layer in layers] for row in rows]))
    return draw_gradients(histories)


def _draw_input_gradients(results: Results) -> Figure:
    gradients = {}
    for cell, layer in recurrent.CELLS.items():
        rows = [row for row in results.rows("input_gradients") if row["cell"] == cell]
        values = [[float(row[f"step_{step}"]) for step in range(1, PICTURED_STEPS + 1)] for row in rows]
        gradients[layer.__name__] = np.array(values).reshape(-1, 2, PICTURED_STEPS)
    return input_gradients(gradients)


def _draw_ravine(results: Results) -> Figure:
    places = np.stack([descent.down_the_ravine(seed)["paths"] for seed in range(1, 7)])
    return paths(places, descent.ravine, [*descent.OPTIMIZERS], "20 steps down the ravine", 20, (5, 2.5))


def _draw_fine_tuning(results: Results) -> Figure:
    study = results.study("fine_tuning")
    tested = {name: members.test_accuracy for name, members in study.members.items()}
    return fine_tuning.draw(tested, number_of_seeds(study, with_epochs=False))


def _draw_normalization(results: Results) -> Figure:
    study = results.study("normalization")
    tested = {name: members.test_accuracy for name, members in study.members.items()}
    return normalization.draw(tested, number_of_seeds(study, with_epochs=False))["by_batch_size"]


PICTURES: dict[str, Callable[[Results], Figure]] = {
    "tanh_against_relu": _draw_tutorial,
    "depth": lambda results: accuracy_by_depth(results.study("depth")),
    "width": lambda results: width_by_depth(results.study("width")),
    "league": lambda results: league(
        results.study("remedies"), {name: title for name, (title, _) in remedies.NETWORKS.items()}
    ),
    "recurrent": _draw_input_gradients,
    "ravine": _draw_ravine,
    "fine_tuning": _draw_fine_tuning,
    "normalization": _draw_normalization,
}
"""The pictures in docs/, by name."""
