"""Every script is in the list, is what `Script` says it is, and its claims can be judged."""

import inspect
import re
from pathlib import Path

from tutorials import catalogue
from tutorials.studies import Experiment, Measurement

import pytest

SECTIONS = catalogue.sections()


def test_every_script_of_the_folders_is_in_the_list():
    for folder, names in catalogue.FOLDERS.items():
        files = Path(catalogue.__file__).with_name(folder).glob("*.py")
        assert {path.stem for path in files if "SCRIPT = Script(" in path.read_text()} == set(names)
    names = [name for _, name in SECTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("folder", "name"), SECTIONS)
def test_a_script_is_what_script_says(folder, name):
    script = catalogue.script(folder, name)
    assert script.name == name
    assert script.description.splitlines()[0] == catalogue.first_line(folder, name)
    parameters = inspect.signature(script.run).parameters
    expected = ["seed", "epochs", "log_dir", *(["data"] if script.takes_data else [])]
    assert [*parameters] == expected
    assert all(one.default is not inspect.Parameter.empty for one in parameters.values())
    experiments = script.experiments_on()
    assert all(isinstance(one, Experiment | Measurement) for one in experiments)
    assert len({one.name for one in experiments}) == len(experiments)
    assert all(re.fullmatch(r"\w+", one.name) for one in experiments)


def test_one_name_is_one_experiment():
    """Claims find experiments by name, so two scripts may share a name only where they share the numbers."""
    named = {}
    for folder, name in SECTIONS:
        for one in catalogue.script(folder, name).experiments_on():
            named.setdefault(one.name, []).append(one)
    for name, experiments in named.items():
        assert len({(type(one), getattr(one, "epochs", 0)) for one in experiments}) == 1, name


def test_every_claim_of_the_course_is_there_and_measurable():
    claims = catalogue.claims()
    keys = [claim.key for claim in claims]
    assert len(keys) == len(set(keys))
    numbers = {
        "T": 10,
        "E": 5,
        "A": 1,
        "R": 12,
        "O": 7,
        "W": 3,
        "B": 4,
        "G": 14,
        "K": 1,
        "N": 2,
        "D": 6,
        "LN": 3,
        "H": 1,
    }
    expected = {f"{letter}{number}" for letter, last in numbers.items() for number in range(1, last + 1)}
    assert {re.sub("[a-z]", "", key) for key in keys} == expected - {"R10"}  # it says what E1 says
    declared = {one.name for section in SECTIONS for one in catalogue.script(*section).experiments_on()}
    for claim in claims:
        assert {*claim.experiments} <= declared
        assert catalogue.scripts_that_train(claim.experiments)
