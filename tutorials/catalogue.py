"""The scripts of the course, found by name. A script is imported, and TensorFlow with it, only when it is asked for."""

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from .course import SECTIONS as COURSE
from .extensions import SECTIONS as EXTENSIONS
from .script import Script
from .techniques import SECTIONS as TECHNIQUES
from .vanishing import SECTIONS as VANISHING

if TYPE_CHECKING:
    from .studies import Claim

FOLDERS = {"vanishing": VANISHING, "extensions": EXTENSIONS, "course": COURSE, "techniques": TECHNIQUES}
CLAIMS = {
    "vanishing": "vanishing_claims",
    "extensions": "extension_claims",
    "course": "course_claims",
    "techniques": "technique_claims",
}
"""A folder to the module that holds the claims its scripts are judged by."""


def sections() -> list[tuple[str, str]]:
    """Return all scripts as pairs of folder and name, in the order of the course."""
    return [(folder, name) for folder, names in FOLDERS.items() for name in names]


def first_line(folder: str, name: str) -> str:
    """Return the first line of a script's docstring, without importing it."""
    source = Path(__file__).with_name(folder).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or name).splitlines()[0]


def script(folder: str, name: str) -> Script:
    """Return a script."""
    return importlib.import_module(f"tutorials.{folder}.{name}").SCRIPT


def claims(*folders: str) -> "list[Claim]":
    """Return the claims of some folders, or of all."""
    modules = [importlib.import_module(f"tutorials.{folder}.{CLAIMS[folder]}") for folder in folders or CLAIMS]
    return [claim for module in modules for claim in module.CLAIMS]


def scripts_that_train(names: tuple[str, ...]) -> list[str]:
    """Return the scripts whose studies train the experiments of these names."""
    trained = {name: {one.name for one in script(folder, name).experiments_on()} for folder, name in sections()}
    return [name for name, experiments in trained.items() if experiments & {*names}]
