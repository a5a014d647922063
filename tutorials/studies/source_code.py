"""The code of this project that a function reaches, without what decides no number.

Covered is every function and class that some functions and values mention, directly or through others. Left out are
comments, docstrings, annotations and the messages of exceptions.
"""

import ast
import dataclasses
import functools
import inspect
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import tensorflow as tf

DECIDE_NO_NUMBER = ("callbacks.plots", "callbacks.tensorboard", "callbacks.diagnosis")
"""Modules that draw, write and judge what the monitors recorded."""

CachedFunction = type(functools.cache(len))


def sources(roots: Iterable[Any]) -> dict[str, str]:
    """Return the code of this project that some functions, classes and values reach: a name to its normalized source.

    Followed are the global names and the variables of enclosing functions that the code mentions; a name that stands
    for a number, a string, an array or a container of such counts with its value.
    """
    found: dict[str, str] = {}
    waiting = [(f"root {number}", root) for number, root in enumerate(roots)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, functools.partial):
            waiting += [(f"{name}.{i}", part) for i, part in enumerate((value.func, value.args, value.keywords))]
        elif isinstance(value, types.MethodType):
            waiting += [(name, value.__func__), (f"{name}.self", value.__self__)]
        elif isinstance(value, CachedFunction):
            waiting.append((name, value.__wrapped__))
        elif isinstance(value, tf.types.experimental.PolymorphicFunction):
            waiting.append((name, value.python_function))
        elif isinstance(value, types.FunctionType | type):
            # A decorated function bears the name of the one it wraps; its code does not.
            own_name = value.__qualname__ if isinstance(value, type) else value.__code__.co_qualname
            key = f"{value.__module__}.{own_name}"
            key += f" {name}" if "<" in key else ""  # several functions of one enclosing function
            if key not in found and _is_ours(value.__module__):
                found[key], mentioned = _read(value)
                waiting += mentioned
        elif isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in value.items()]
        elif isinstance(value, set | frozenset):  # in an order that is the same in every process
            waiting.append((name, sorted(value, key=repr)))
        elif isinstance(value, list | tuple):
            waiting += [(f"{name}.{i}", part) for i, part in enumerate(value)]
        elif isinstance(value, str | int | float | complex | bytes):
            found[name] = repr(value)
        elif isinstance(value, np.ndarray):
            found[name] = joblib.hash(value)
        elif dataclasses.is_dataclass(value):
            waiting.append((name, vars(value)))
    return found


def _is_ours(module: str | None) -> bool:
    """Whether a module belongs to a project rather than to Python or to an installed package."""
    if module is None or module.startswith(DECIDE_NO_NUMBER):
        return False
    if module == "__main__":  # a script, a notebook
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and _is_outside_installation(file)


@functools.cache
def _is_outside_installation(file: str) -> bool:
    """Whether a file is neither Python's nor that of an installed package."""
    installed = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(Path(file).is_relative_to(path) for path in installed)


def _read(definition: types.FunctionType | type) -> tuple[str, list[tuple[str, Any]]]:
    """The normalized source of a function or class, and what it mentions: names and values."""
    values: list[tuple[str, Any]] = []
    functions = _functions(definition)
    if isinstance(definition, type):
        scopes: list[Any] = [vars(sys.modules[definition.__module__])]
        values += [(base.__qualname__, base) for base in definition.__bases__]
    else:
        scopes = [definition.__globals__]
    scopes += [inspect.getclosurevars(function).nonlocals for function in functions]
    text, mentioned = _text(definition)
    for path in sorted(mentioned):
        for scope in scopes:
            if path[0] in scope:
                value = scope[path[0]]
                for attribute in path[1:]:
                    value = getattr(value, attribute, None) if isinstance(value, types.ModuleType) else value
                values.append((f"{definition.__module__}.{'.'.join(path)}", value))
    return text, values


def _functions(definition: types.FunctionType | type) -> list[types.FunctionType]:
    """A function itself, or the methods of a class."""
    if isinstance(definition, type):
        return [method for method in vars(definition).values() if isinstance(method, types.FunctionType)]
    return [definition]


@functools.cache  # the experiments of a study mention the same functions
def _text(definition: types.FunctionType | type) -> tuple[str, set[tuple[str, ...]]]:
    """The normalized source of a function or class, and the names that it mentions."""
    try:
        if definition.__name__ == "<lambda>":
            raise OSError("its lines hold more than the lambda")
        # Of a function the code, as `inspect` would show the function that a decorated one wraps.
        source = inspect.getsource(definition if isinstance(definition, type) else definition.__code__)
        tree = _Normalizer().visit(ast.parse(textwrap.dedent(source)))
        return ast.unparse(tree), _mentioned(tree)
    except (OSError, TypeError, SyntaxError):  # no source of its own: what Python made of it
        code = [function.__code__ for function in _functions(definition)]
        return str([_instructions(one) for one in code]), {(name,) for one in code for name in _names(one)}


def _instructions(code: types.CodeType) -> list[Any]:
    """What a code object does, without its place in a file."""
    constants = [_instructions(const) if inspect.iscode(const) else const for const in code.co_consts]
    return [code.co_code.hex(), constants, code.co_names]


def _names(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if inspect.iscode(const)]
    return {*code.co_names, *code.co_freevars}.union(*map(_names, inner))


def _mentioned(tree: ast.AST) -> set[tuple[str, ...]]:
    """The names in a tree, those with attributes as a path: ("ops", "mean")."""
    paths = set()
    for node in ast.walk(tree):
        path: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            path.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            paths.add((inner.id, *path))
    return paths


class _Normalizer(ast.NodeTransformer):
    """Removes what decides no number: docstrings, annotations, messages of exceptions. Comments are not in the tree."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.Raise):
            node.exc = node.cause = None
        return node
