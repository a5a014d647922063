"""What is read is what runs: a script's own lines build, compile and fit the model, in Keras's own words."""

import ast
import functools
import inspect
from pathlib import Path

from tutorials import catalogue

import keras
import pytest

TRAINS_NOTHING = {"two_circles", "activation_functions", "averages", "descent"}
TRAINING = [section for section in catalogue.sections() if section[1] not in TRAINS_NOTHING]
CALLBACKS = {"GradientMonitor", "WeightNormMonitor", "Diagnosis", "EpochMetrics"}
DATA = {
    "adding_problem",
    "digits",
    "stratified_subset",
    "held_out",
    "only_classes",
    "shifted",
    "tumours",
    "two_circles",
    "without_fold",
}


@functools.cache
def tree(name):
    folder = next(folder for folder, one in catalogue.sections() if one == name)
    return ast.parse(Path(catalogue.__file__).with_name(folder).joinpath(f"{name}.py").read_text(encoding="utf-8"))


def imported_from(name, *packages):
    """The names that a script imports from some packages, each with the module it comes from."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ImportFrom) and node.module.startswith(packages)
        for alias in node.names
    }


def ours(name, *nodes):
    """The names of this project that some nodes of a script mention."""
    mentioned = {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return mentioned & {*imported_from(name, "tutorials", "callbacks")}


def calls(node, method):
    """The calls of a method of this name, or of a function."""
    return [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and method in (getattr(inner.func, "attr", ""), getattr(inner.func, "id", ""))
    ]


def fits(name):
    """The functions of a script that call `fit` with callbacks, as of all libraries only Keras takes, and the calls."""
    functions = [node for node in tree(name).body if isinstance(node, ast.FunctionDef)]
    found = [(function, call) for function in functions for call in calls(function, "fit")]
    return [(function, call) for function, call in found if "callbacks" in {one.arg for one in call.keywords}]


@pytest.mark.parametrize("name", [name for _, name in TRAINING])
def test_fit_is_there_to_be_read(name):
    """A call of Keras's own arguments, and of our names only those of the callbacks."""
    assert fits(name)
    for _, call in fits(name):
        arguments = {keyword.arg: keyword.value for keyword in call.keywords}
        callbacks = arguments.pop("callbacks")
        assert isinstance(callbacks, ast.List)
        assert ours(name, callbacks) <= CALLBACKS
        assert not ours(name, call.func, *call.args, *arguments.values())
        assert {*arguments} <= {*inspect.signature(keras.Model.fit).parameters}


@pytest.mark.parametrize("name", [name for _, name in TRAINING])
def test_compile_is_there_to_be_read(name):
    """In the function that builds the model or in the one that fits it; one script trains the models of another."""
    built = [node for node in tree(name).body if isinstance(node, ast.FunctionDef) and node.name.startswith("build_")]
    compiling = [
        function for function in [*built, *(function for function, _ in fits(name))] if calls(function, "compile")
    ]
    borrowed = imported_from(name, "tutorials").get("build_model")
    assert compiling or borrowed == "tutorials.course.remedies"
    for function in built:
        assert not ours(name, function), "a model is built of Keras alone"


@pytest.mark.parametrize("name", [name for _, name in TRAINING])
def test_between_model_and_fit_stands_one_line_that_can_be_deleted(name):
    for function, call in fits(name):
        (line,) = [node for node in ast.walk(function) if isinstance(node, ast.Expr) and calls(node, "whole_epochs")]
        assert ast.unparse(line) == "whole_epochs(model, seed)"
        before = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node.lineno < call.lineno]
        simple = [node for node in before if isinstance(node, ast.Assign | ast.Expr)]
        builders = {one for one, module in imported_from(name, "tutorials").items() if one.startswith("build_")}
        assert ours(name, *simple) <= {"new_run", "whole_epochs"} | CALLBACKS | DATA | builders | {
            "TECHNIQUES",
            "NETWORKS",
        }


def test_what_trains_nothing_calls_no_fit():
    for name in TRAINS_NOTHING:
        assert not calls(tree(name), "fit")
