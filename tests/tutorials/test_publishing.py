"""What is published is what the studies found: nothing in the tables was typed by hand."""

import re
import shutil

from tutorials import catalogue
from tutorials.publishing import Results, collect, texts
from tutorials.publishing.kept import RESULTS, ROOT
from tutorials.publishing.pictures import PICTURES
from tutorials.publishing.publish import PAGES
from tutorials.publishing.tables import BLOCKS
from tutorials.studies import Experiment, judge, study
from tutorials.studies.csv_files import read_rows
from tutorials.vanishing import deep_tanh

import numpy as np
import pytest


@pytest.fixture(scope="module")
def results():
    return Results()


def test_tables_and_counts_are_those_of_the_results(results):
    for path, text in texts(results).items():
        assert path.read_text(encoding="utf-8") == text, f"python -m tutorials publish makes another {path}"


def test_a_number_typed_by_hand_is_noticed(results, tmp_path):
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        text = (ROOT / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(" of 30", " of 31"), encoding="utf-8")
    made = texts(results, tmp_path)
    assert made[tmp_path / "docs/results.md"] != (tmp_path / "docs/results.md").read_text(encoding="utf-8")
    assert " of 31" not in made[tmp_path / "docs/results.md"]


def test_every_block_is_on_a_page_and_every_page_has_its_blocks():
    used = [name for page in PAGES for name in re.findall(r"<!-- begin (\w+) -->", (ROOT / page).read_text("utf-8"))]
    assert sorted(used) == sorted(BLOCKS)


def test_every_claim_and_every_configuration_is_there(results):
    assert [*results.claims] == [claim.key for claim in catalogue.claims()]
    for folder, name in catalogue.sections():
        experiments = catalogue.script(folder, name).experiments_on()
        assert [*results.study(name).members] == [one.name for one in experiments], name


def test_a_verdict_is_computed_from_the_seeds(results, tmp_path):
    shutil.copytree(ROOT / RESULTS, tmp_path / RESULTS)
    assert results.claims["E1"].verdict == "holds"
    path = tmp_path / RESULTS / "claims.csv"
    text = path.read_text(encoding="utf-8")
    assert "verdict" not in text.splitlines()[0]
    turned = re.sub(r"^(E1,\d+,[^,]+),1,", r"\1,0,", text, flags=re.MULTILINE)
    path.write_text(turned, encoding="utf-8")
    assert Results(tmp_path).claims["E1"].verdict == "does not hold"


def test_the_same_label_has_the_same_number(results):
    """Glorot weights on deep tanh: counted by an exercise, by the league and by the trials of advice."""
    exercise = results.study("xavier").members["deep_tanh_glorot"].learned.sum()
    league = results.study("remedies").members["vanishing_glorot"].learned.sum()
    trials = read_rows(ROOT / "callbacks/diagnosis/cures.csv")
    (trial,) = (
        row["learned"]
        for row in trials
        if row["network"].startswith("tanh, 5 x 5,") and row["remedy"] == "Glorot uniform weights"
    )
    assert exercise == league == int(trial)


@pytest.mark.slow
def test_what_is_collected_can_be_read_again(tmp_path):
    short = Experiment("deep_tanh", "tanh, 5 hidden layers", deep_tanh.build_model, epochs=3)
    done = study("deep_tanh", [short], seeds=[1, 2], log_dir=tmp_path / "logs")
    (tmp_path / RESULTS).mkdir(parents=True)
    shutil.copy(ROOT / RESULTS / "claims.csv", tmp_path / RESULTS)
    collect(tmp_path / "logs", tmp_path)
    again = Results(tmp_path)
    members, kept = done.members["deep_tanh"], again.study("deep_tanh").members["deep_tanh"]
    np.testing.assert_allclose(kept.test_accuracy, members.test_accuracy, atol=5e-5)
    np.testing.assert_allclose(kept.gradients, members.gradients, rtol=1e-5)
    claims = {one.claim.key: one for one in judge(catalogue.claims(), tmp_path / "logs").judgements}
    assert "T3a" in claims
    for key, judgement in claims.items():
        np.testing.assert_allclose(again.claims[key].values, judgement.values, rtol=1e-5)
        assert again.claims[key].verdict == judgement.verdict
    assert again.claims["E1"].verdict == "holds"  # not studied here: kept


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_drawn_from_the_results(results, tmp_path, name):
    PICTURES[name](results).savefig(tmp_path / "picture.png", dpi=60)
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert (ROOT / "docs" / f"{name}.png").exists()
