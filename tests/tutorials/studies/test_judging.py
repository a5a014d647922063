"""Claims: the interval and the verdict, the measures that many share, and which trainings a claim is judged by."""

import shutil

from tutorials import catalogue
from tutorials.extensions import xavier
from tutorials.studies import Claim, Judgement, Replicates, judge, study
from tutorials.studies import judging as measures
from tutorials.studies.study_tables import wilson
from tutorials.vanishing import deep_relu, shallow_tanh

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # The first three from Newcombe (1998, Statistics in Medicine 17, 857-872), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (29, 29, 0.8830, 1)],
)
def test_wilson_against_published_intervals(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


CLAIM = Claim("X", "sentence", "0.8", "rule", (), None)


@pytest.mark.parametrize(
    ("true", "verdict"),
    [
        (30, "holds"),
        (27, "holds"),
        (26, "holds for some seeds"),
        (4, "holds for some seeds"),
        (3, "does not hold"),
        (0, "does not hold"),
    ],
)
def test_the_verdict_follows_from_the_count(true, verdict):
    assert Judgement(CLAIM, np.zeros(30), np.arange(30) < true).verdict == verdict


def test_a_row_has_median_quartiles_count_and_epochs():
    judgement = Judgement(
        CLAIM, np.array([1, 2, 3, 4, 5, np.nan]), np.array([True] * 3 + [False] * 3), epochs=(100, 500)
    )
    assert judgement.row() == {
        "claim": "X",
        "sentence": "sentence",
        "published": "0.8",
        "rule for a seed": "rule",
        "median (quartiles)": "3 (2 to 4)",
        "epochs": "100, 500",
        "seeds": "3 of 6",
        "95 % interval": "19% to 81%",
        "verdict": "holds for some seeds",
    }


def members(test, train=None, curves=None):
    test = np.array(test, float)
    history = {} if curves is None else {"val_accuracy": np.array(curves, float)}
    train = test if train is None else np.array(train, float)
    return Replicates(np.arange(len(test)), history=history, train_accuracy=train, test_accuracy=test)


def test_measures_on_accuracies():
    assert measures.learns(members([0.75, 0.749]))[1].tolist() == [True, False]
    assert measures.fails(members([0.75, 0.749]))[1].tolist() == [False, True]
    values, true = measures.beats(members([0.84, 0.80]), members([0.82, 0.82]))
    assert values == pytest.approx([0.02, -0.02])
    assert true.tolist() == [True, False]


def test_of_several_settings_the_training_half_chooses_the_best():
    grid = members([0.9, 0.9], train=[0.5, 0.5]), members([0.8, 0.6], train=[0.7, 0.7])
    values, true = measures.best_learns(*grid)
    assert values.tolist() == [0.8, 0.6]
    assert true.tolist() == [True, False]


def test_later_is_also_never():
    early, late, never = (np.full(500, 0.5) for _ in range(3))
    early[99:], late[249:] = 0.81, 0.81
    ours, theirs = (late, never, early, never), (early, early, late, never)
    values, true = measures.later(*(members(np.zeros(4), curves=curves) for curves in (ours, theirs)))
    assert values[[0, 2]].tolist() == [150, -150]
    assert true.tolist() == [True, True, False, False]


@pytest.fixture(scope="module")
def logs(tmp_path_factory, drawn):
    """A log directory with the studies of two scripts, two seeds each."""
    path = tmp_path_factory.mktemp("logs")
    with drawn():
        for script in (shallow_tanh, deep_relu):
            study(script.SCRIPT.name, script.SCRIPT.experiments, [1, 2], log_dir=path)
    return path


def test_what_can_be_judged_is_judged(logs):
    claims = catalogue.claims()
    judged = judge(claims, logs)
    assert [one.claim.key for one in judged.judgements] == ["T1", "T2", "T4a", "T4b", "T5", "T7b", "T9b"]
    assert [one.key for one in judged.missing] == [
        one.key for one in claims if not {*one.experiments} <= {"shallow_tanh", "deep_relu"}
    ]
    assert all(one.epochs == (500,) for one in judged.judgements)
    assert judged.left_out == []


def test_a_study_that_cannot_be_read_is_as_good_as_none(logs, tmp_path):
    shutil.copytree(logs, tmp_path / "logs")
    for number, path in enumerate(sorted((tmp_path / "logs/study/trained").glob("*.npz"))):
        arrays = dict(np.load(path))
        del arrays["test_accuracy"]  # as an earlier version wrote it
        np.savez(path, **arrays) if number else path.write_bytes(path.read_bytes()[:1000])
    judged = judge(catalogue.claims(), tmp_path / "logs")
    assert judged.judgements == []
    assert len(judged.missing) == len(catalogue.claims())


def test_claims_about_two_experiments_take_the_seeds_that_both_have(tmp_path, drawn):
    with drawn():
        study("shallow_tanh", shallow_tanh.SCRIPT.experiments, [1, 2, 3], log_dir=tmp_path)
        study("deep_relu", deep_relu.SCRIPT.experiments, [2, 3, 4, 5], log_dir=tmp_path)
    judged = {one.claim.key: one for one in judge(catalogue.claims(), tmp_path).judgements}
    assert judged["T4b"].seeds.tolist() == [2, 3]
    assert judged["T1"].seeds.tolist() == [1, 2, 3]


def test_a_study_of_another_length_is_left_out_and_said_to_be(tmp_path, drawn):
    """Shorter, and with more seeds: neither its numbers nor its seeds count."""
    with drawn():
        study("xavier", [xavier.GLOROT], [1, 2, 3], log_dir=tmp_path)
        before = judge(catalogue.claims(), tmp_path)
        study("xavier", [xavier.GLOROT], range(1, 11), epochs=20, log_dir=tmp_path)
        after = judge(catalogue.claims(), tmp_path)
    rows, same = ({one.claim.key: one.row() for one in judged.judgements} for judged in (before, after))
    assert "E1" in rows
    assert same == rows
    assert rows["E1"]["epochs"] == "500"
    assert before.left_out == []
    directory = tmp_path / "study" / "xavier_20_epochs"
    assert after.left_out == [f"{directory} is left out: it was trained for 20 epochs instead of 500."]


def test_studies_of_another_length_alone_judge_nothing(tmp_path, drawn):
    with drawn():
        study("xavier", [xavier.GLOROT], [1, 2, 3], epochs=20, log_dir=tmp_path)
    judged = judge(catalogue.claims(), tmp_path)
    assert judged.judgements == []
    assert len(judged.left_out) == 1
