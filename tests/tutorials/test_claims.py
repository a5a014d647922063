import csv
import re
import shutil

import numpy as np
import pytest

from tutorials import catalogue, claims, report
from tutorials.lab import Settings
from tutorials.lab.claims import Claim, Judgement, judge
from tutorials.lab.results import Replicates, wilson
from tutorials.lab.studies import study

pytestmark = pytest.mark.xdist_group("claims")  # its fixtures are made once


def members(test, train=None, seeds=None, **arrays):
    """Replicates made by hand: `test` holds accuracies (S,) or (S, E)."""
    test = np.array(test, float)
    curves = test if test.ndim == 2 else test[:, None]
    history = {"val_accuracy": curves, "accuracy": curves} | {k: np.array(v, float) for k, v in arrays.items()}
    final = curves[:, -1] if train is None else np.array(train, float)
    seeds = np.arange(len(curves)) if seeds is None else np.array(seeds)
    return Replicates(seeds, history=history, train_accuracy=final, test_accuracy=curves[:, -1])


def gradients(*layers, epochs=4):
    """Replicates of one seed whose kernels have these mean gradients in every epoch."""
    return members([0.5], gradient_abs_mean=np.tile(np.array(layers, float), (1, epochs, 1)))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # The first three from Newcombe (1998, Statistics in Medicine 17, 857-872), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (29, 29, 0.8830, 1)],
)
def test_wilson_against_published_intervals(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("true", "words"), [(27, "holds"), (26, "holds for some seeds"), (4, "holds for some seeds"),
                                             (3, "does not hold"), (0, "does not hold"), (30, "holds")])  # fmt: skip
def test_the_verdict_follows_from_the_count(true, words):
    claim = Claim("X", "", "", "", (), None)
    assert Judgement(claim, np.zeros(30), np.arange(30) < true).verdict == words


def test_a_row_tells_median_quartiles_and_count():
    claim = Claim("X", "sentence", "0.8", "rule", (), None)
    row = Judgement(claim, np.array([1, 2, 3, 4, 5, np.nan]), np.array([True] * 3 + [False] * 3)).row()
    assert row["median (quartiles)"] == "3 (2 to 4)"
    assert row["seeds"] == "3 of 6"
    assert row["95 % interval"] == "19% to 81%"
    assert row["verdict"] == "holds for some seeds"


def test_measures_on_accuracies():
    near = claims.near(0.816, 0.03)
    assert near(members([0.80, 0.80, 0.70], train=[0.80, 0.70, 0.80]))[1].tolist() == [True, False, False]
    assert claims.learns(members([0.75, 0.749]))[1].tolist() == [True, False]
    assert claims.fails(members([0.75, 0.749]))[1].tolist() == [False, True]
    values, true = claims.beats(members([0.84, 0.80]), members([0.82, 0.82]))
    assert values == pytest.approx([0.02, -0.02])
    assert true.tolist() == [True, False]
    assert claims.much_worse(members([0.5, 0.75]), members([0.8, 0.8]))[1].tolist() == [True, False]
    values, true = claims.best_learns(members([0.9, 0.9], train=[0.5, 0.5]), members([0.8, 0.6], train=[0.7, 0.7]))
    assert values.tolist() == [0.8, 0.6]
    assert true.tolist() == [True, False]


def test_measures_on_curves():
    early, late, never = (np.full(500, 0.5) for _ in range(3))
    early[99:], late[249:] = 0.81, 0.81
    steep = late.copy()
    steep[400:] = 0.9
    curves = members([early, late, never, steep])
    values, true = claims.slows_near_300(curves)
    assert values[[0, 1, 3]].tolist() == [100, 250, 250]
    assert np.isnan(values[2])
    assert true.tolist() == [False, True, False, False]
    values, true = claims.converges_by_150(curves)
    assert values[[0, 1]].tolist() == [100, 250]
    assert true.tolist() == [True, False, False, False]
    falling = np.linspace(0.6, 0.5, 500)
    assert claims.gets_worse(members([early, falling]))[1].tolist() == [False, True]
    values, true = claims.later(members([late, never, early, never]), members([early, early, late, never]))
    assert values[[0, 2]].tolist() == [150, -150]
    assert true.tolist() == [True, True, False, False]


def test_measures_on_gradients():
    tanh, relu = gradients(0.02, 0.004, 0.003, 0.004, 0.006, 0.07), gradients(0.3, 0.04, 0.03, 0.02, 0.01, 0.04)
    assert claims.larger_near_output(tanh)[0] == pytest.approx([0.08 / 0.027])
    assert claims.larger_near_output(relu)[1].tolist() == [False]
    assert claims.output_gradient_in_range(tanh)[1].tolist() == [True]
    assert claims.output_gradient_in_range(relu)[1].tolist() == [False]
    assert claims.first_like_output(tanh) == (pytest.approx([2 / 7]), [False])
    assert claims.most_in_last_two(tanh)[0] == pytest.approx([0.076 / 0.107])
    assert claims.first_layer_larger(relu, tanh) == (pytest.approx([15]), [True])
    assert claims.first_layer_in_range(relu)[1].tolist() == [True]
    assert claims.middle_larger(relu, tanh)[0] == pytest.approx([0.09 / 0.011])
    wavering = members([0.5], gradient_abs_mean=np.array([[[0.1], [0.3]]]))
    assert claims.steadier(relu, wavering)[1].tolist() == [True]


def test_measures_on_weights():
    before = [np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros((1, 2, 1)), np.zeros((1, 1))]
    after = [np.array([[[1, -1], [1, 1]]]), np.full((1, 2), 9.0), np.array([[[3.0], [-1]]]), np.full((1, 1), 9.0)]
    one = Replicates(np.array([1]), initial=before, trained=after)
    assert claims.moved(one).tolist() == [[1, 2]]
    assert claims.moves_more_near_output(one) == (pytest.approx([2]), [True])


def test_every_claim_of_the_course_is_there_and_measurable():
    keys = [claim.key for claim in claims.CLAIMS]
    assert len(keys) == len(set(keys))
    numbers = {"T": 10, "E": 5, "A": 1, "R": 12, "O": 5, "W": 3, "B": 4, "G": 8, "K": 1, "N": 2}
    expected = {f"{letter}{number}" for letter, last in numbers.items() for number in range(1, last + 1)}
    assert {re.sub("[a-z]", "", key) for key in keys} == expected
    declared = {one.name for section in catalogue.sections() for one in catalogue.experiments(*section)}
    assert {name for claim in claims.CLAIMS for name in claim.experiments} <= declared
    for claim in claims.CLAIMS:
        assert catalogue.studies_of(claim.experiments)


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """A log directory with two real studies of two epochs and a single run."""
    path = tmp_path_factory.mktemp("logs")
    settings = Settings(epochs=2, logdir=path, seeds=2)
    for name in ("shallow_tanh", "deep_relu"):
        study(name, catalogue.experiments("vanishing", name), settings)
    catalogue.script("vanishing", "shallow_tanh").run(settings)
    return path


def test_what_can_be_judged_is_judged(logdir):
    judged, missing = judge(claims.CLAIMS, logdir)
    assert [one.claim.key for one in judged] == ["T1", "T2", "T4a", "T4b", "T5", "T7b", "T9b"]
    assert len(judged) + len(missing) == len(claims.CLAIMS)


def test_a_study_that_cannot_be_read_is_as_good_as_none(logdir, tmp_path):
    shutil.copytree(logdir, tmp_path / "logs")
    for number, path in enumerate(sorted((tmp_path / "logs/study/trained").glob("*.npz"))):
        arrays = dict(np.load(path))
        del arrays["test_accuracy"]  # as an earlier version wrote it
        np.savez(path, **arrays) if number else path.write_bytes(path.read_bytes()[:1000])
    judged, missing = judge(claims.CLAIMS, tmp_path / "logs")
    assert judged == []
    assert len(missing) == len(claims.CLAIMS)


def test_claims_command_prints_and_writes(logdir, run_python):
    done = run_python("-m", "tutorials", "claims", "--logdir", logdir)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^T1 .*0 of 2 .*does not hold$", done.stdout, re.MULTILINE)
    assert "T3a is not measured yet: python -m tutorials study deep_tanh" in done.stdout
    with (logdir / "claims.csv").open(newline="") as file:
        assert [row["claim"] for row in csv.DictReader(file)][:2] == ["T1", "T2"]
    assert (logdir / "claims.md").read_text().startswith("| claim | sentence |")


def test_claims_without_a_study_is_one_sentence(run_python, tmp_path):
    done = run_python("-m", "tutorials", "claims", "--logdir", tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "python -m tutorials study" in done.stderr


def test_mechanism_tells_dead_units_from_vanishing(monkeypatch):
    dead = np.zeros((3, 2, 2))
    dead[0], dead[1, 1, 0] = 1, 1  # the first dead from the start, the second's first layer dies, the third lives
    history = {"val_accuracy": np.full((3, 1), 0.5), "gradient_abs_mean": np.ones((3, 1, 2)) * [[[0]], [[0]], [[2]]]}
    half = np.full(3, 0.5)
    one = Replicates(np.arange(3), history=history, test_accuracy=half, activations={"dead_fraction": dead})
    monkeypatch.setattr(report, "members_of", lambda logdir: {"relu_20_layers": one})
    assert report.mechanism("")[1][1:6] == ("3 of 3", "1", "2", "2", "1")


def test_report_is_one_page_that_says_what_is_missing(logdir, tmp_path, browser):
    for directory in (logdir, tmp_path):
        report.write_report(directory)
    browser.get((logdir / "report.html").as_uri())
    text = browser.find_element("tag name", "body").text
    assert "Shallow tanh learns" in text
    assert "python -m tutorials study depth" in text
    assert "python -m tutorials run deep_tanh" in text
    pictures = browser.find_elements("tag name", "img")
    assert pictures
    assert all(browser.execute_script("return arguments[0].naturalWidth", one) > 100 for one in pictures)
    assert not re.findall(r'(?:src|href)="(?!data:)', (logdir / "report.html").read_text())
    browser.get((tmp_path / "report.html").as_uri())
    assert "python -m tutorials study deep_tanh" in browser.find_element("tag name", "body").text
