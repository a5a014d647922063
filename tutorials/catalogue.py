"""The scripts of the course, found by name; importing one is quick, as TensorFlow is loaded when it runs."""

import ast
import importlib
from pathlib import Path

from .course import SECTIONS as COURSE
from .diagnosis import SECTIONS as DIAGNOSIS
from .extensions import SECTIONS as EXTENSIONS
from .vanishing import SECTIONS as VANISHING

FOLDERS = {"vanishing": VANISHING, "extensions": EXTENSIONS, "course": COURSE, "diagnosis": DIAGNOSIS}


def sections():
    """Returns all scripts as pairs of folder and name, in the order of the course."""
    return [(folder, name) for folder, names in FOLDERS.items() for name in names]


def first_line(folder, name):
    """Returns the first line of a script's docstring, without importing it."""
    source = Path(__file__).with_name(folder).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def script(folder, name):
    """Returns a script as a module."""
    return importlib.import_module(f"tutorials.{folder}.{name}")


def experiments(folder, name, data=None):
    """Returns the experiments that a script declares, for a study; a list, empty where there are none.

    `data` goes to a script that trains on images, as `--data` of the command line does.
    """
    module = script(folder, name)
    if data is not None and hasattr(module, "experiments"):
        return module.experiments(data)
    return getattr(module, "EXPERIMENTS", None) or ([module.EXPERIMENT] if hasattr(module, "EXPERIMENT") else [])


def studies_of(names):
    """Returns the scripts, by name, whose studies train the experiments of these names."""
    declared = {name: {one.name for one in experiments(folder, name)} for folder, name in sections()}
    return [script for script, trained in declared.items() if trained & {*names}]
