"""`claims` and `report`: what they print and write of the studies in a log directory."""

import csv
import re

from tutorials import report
from tutorials.lab import new_run
from tutorials.studies import Replicates, study
from tutorials.studies.study import show
from tutorials.vanishing import deep_relu, shallow_tanh

import numpy as np
import pytest
from matplotlib.figure import Figure

pytestmark = pytest.mark.xdist_group("report")  # its fixtures are made once


@pytest.fixture(scope="module")
def logs(tmp_path_factory, drawn):
    """A log directory with two studies, one of them of another length too, and a single run."""
    path = tmp_path_factory.mktemp("logs")
    with drawn():
        for script in (shallow_tanh.SCRIPT, deep_relu.SCRIPT):
            show(study(script.name, script.experiments, [1, 2], log_dir=path), script.summarize)
        study("deep_relu", deep_relu.SCRIPT.experiments, [1, 2, 3], epochs=20, log_dir=path)
    Figure().savefig(new_run(path, "shallow_tanh", seed=1) / "accuracy.png")
    return path


LEFT_OUT = "deep_relu_20_epochs is left out: it was trained for 20 epochs instead of 500."


def test_claims_are_printed_and_written(logs, command):
    done = command("claims", "--logdir", logs)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^T1 .* 500 +\d of 2 .*(holds|does not hold|holds for some seeds)$", done.stdout, re.MULTILINE)
    assert "T3a is not measured yet: python -m tutorials study deep_tanh" in done.stdout
    assert LEFT_OUT in done.stdout
    with (logs / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["claim"] for row in rows] == ["T1", "T2", "T4a", "T4b", "T5", "T7b", "T9b"]
    assert {row["epochs"] for row in rows} == {"500"}
    assert {row["seeds"][-5:] for row in rows} == {" of 2"}
    assert (logs / "claims.md").read_text().startswith("| claim ")


def test_claims_without_a_study_are_one_sentence(command, tmp_path):
    done = command("claims", "--logdir", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "train some first with python -m tutorials study all" in done.stderr


def test_claims_with_studies_of_another_length_alone_say_so(command, tmp_path, drawn):
    with drawn():
        study("deep_relu", deep_relu.SCRIPT.experiments, [1, 2], epochs=20, log_dir=tmp_path)
    done = command("claims", "--logdir", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert LEFT_OUT in done.stderr


def test_causes_of_failure_tell_dead_units_from_vanishing_gradients(monkeypatch):
    dead = np.zeros((3, 2, 2))
    dead[0], dead[1, 1, 0] = 1, 1  # the first dead from the start, the second's first layer dies, the third lives
    history = {"val_accuracy": np.full((3, 1), 0.5), "gradient_abs_mean": np.ones((3, 1, 2)) * [[[0]], [[0]], [[2]]]}
    half = np.full(3, 0.5)
    one = Replicates(np.arange(3), history=history, test_accuracy=half, activations={"dead_fraction": dead})

    class Found(dict):
        def load(self, name):
            return self[name]

    monkeypatch.setattr(report, "FoundMembers", lambda log_dir: Found(relu_20_layers=one))
    head, row = report.causes_of_failure("")
    assert dict(zip(head, row, strict=True)) == {
        "model": "relu_20_layers",
        "seeds that fail": "3 of 3",
        "with a dead layer before training": "1",
        "after training": "2",
        "first kernel's gradient exactly 0 at the end": "2",
        "fail with every layer alive": "1",
        "first/last gradient in epoch 1, layers alive": "1",
    }


@pytest.mark.slow
def test_the_report_is_one_page_that_says_what_is_missing(logs, command, browser):
    done = command("report", "--logdir", logs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"wrote {logs / 'report.html'}\n"
    browser.get((logs / "report.html").as_uri())
    text = browser.find_element("tag name", "body").text
    assert "Shallow tanh learns" in text
    assert LEFT_OUT in text
    assert "python -m tutorials study depth" in text
    assert "python -m tutorials study shallow_tanh" not in text
    pictures = browser.find_elements("tag name", "img")
    assert [one.get_attribute("alt") for one in pictures] == [
        "shallow_tanh: accuracy of seeds",
        "deep_relu: accuracy of seeds",
        "shallow_tanh/seed1: accuracy",
    ]
    assert all(browser.execute_script("return arguments[0].naturalWidth", one) > 100 for one in pictures)
    page = (logs / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)  # nothing is fetched from elsewhere
    columns = re.findall(r"<th>(.*?)</th>", page)
    assert columns.count("epochs") == 3  # of the claims, and of either study's configurations
    assert page.count("<td>500</td>") == 7 + 2


@pytest.mark.slow
def test_the_report_on_nothing_names_the_first_commands(command, browser, tmp_path):
    assert command("report", "--logdir", tmp_path).returncode == 0
    browser.get((tmp_path / "report.html").as_uri())
    text = browser.find_element("tag name", "body").text
    assert "python -m tutorials study deep_tanh" in text
    assert "python -m tutorials run vanishing" in text
