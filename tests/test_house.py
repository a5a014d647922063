"""The plan of the house, read off the imports: who may know whom, and where Keras's private parts may be touched."""

import ast
import collections
import functools
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("callbacks", "tutorials", "benchmarks")
    for path in sorted(ROOT.joinpath(folder).rglob("*.py"))
}
"""A module's name to its file."""

SCRIPTS = tuple(f"tutorials.{folder}" for folder in ("vanishing", "extensions", "course", "techniques"))
MAY_TOUCH_KERASS_PRIVATE_PARTS = {
    *("callbacks.keras_internals", "callbacks.train_function", "tutorials.lab.keras_loop"),
    *(f"callbacks.backend.{backend}" for backend in ("tensorflow", "jax")),
}
NAMEDTUPLE = {"_asdict", "_fields", "_make", "_replace"}
"""Public in spite of their names."""
UNDOCUMENTED = {"inference_fn", "call_flat", "make_train_function", "train_function", "distribute_strategy"}
"""What Keras and TensorFlow do not document although its name does not begin with `_`."""


@functools.cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module):
    """The modules of the house that a module imports, at the top or later; not what only the type checker imports."""
    for_checker = {
        id(inner)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree(module)):
        if id(node) in for_checker:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= names if names <= {*MODULES} else names | {base}
    return found & {*MODULES}


def absolute(module, node):
    """The name of the module that `from ... import` imports from."""
    if not node.level:
        return node.module
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def below(module, *packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def of(*packages):
    """The modules of some packages."""
    return [module for module in MODULES if below(module, *packages)]


def test_the_imports_are_seen():
    """The tests below would pass if `imports` found nothing."""
    assert "tutorials.lab" in imports("tutorials.vanishing.deep_tanh")
    assert "tutorials.studies.experiment" in imports("tutorials.studies")
    assert "callbacks._statistics" in imports("callbacks.gradients")
    assert {"tutorials.lab", "tutorials.studies.study_tables"} <= imports("tutorials.command_line")  # late ones
    assert "tutorials.script" not in imports("tutorials.command_line")  # for the type checker


def strangers(modules, known):
    """What some modules import that is in none of the packages they may know: a module to its imports."""
    found = {module: {other for other in imports(module) if not below(other, *known)} for module in modules}
    return {module: others for module, others in found.items() if others}


def test_the_library_knows_nothing_of_the_tutorials():
    assert strangers(of("callbacks"), ["callbacks"]) == {}


def test_one_training_knows_neither_many_seeds_nor_the_command_line_nor_the_scripts():
    known = ["tutorials.lab", "callbacks", "tutorials.backend", "tutorials.interruption"]
    assert strangers(of("tutorials.lab"), known) == {}


def test_many_seeds_know_neither_the_command_line_nor_the_scripts():
    assert strangers(of("tutorials.studies"), ["tutorials.studies", "tutorials.lab", "callbacks"]) == {}


def test_scripts_know_the_command_line_through_script_alone():
    known = [*SCRIPTS, "tutorials.lab", "tutorials.studies", "tutorials.script", "callbacks"]
    assert strangers(of(*SCRIPTS), known) == {}


def test_nobody_needs_the_benchmarks():
    assert strangers(of("callbacks", "tutorials"), ["callbacks", "tutorials"]) == {}


def test_no_modules_import_each_other_in_a_circle():
    done = set()

    def visit(module, path):
        assert module not in path, f"a circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in done:
            for other in sorted(imports(module)):
                visit(other, [*path, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


def test_no_two_modules_have_one_name():
    names = collections.Counter(path.stem for path in MODULES.values())
    assert not {name for name, count in names.items() if count > 1 and name not in ("__init__", "__main__")}


@functools.cache
def our_names():
    """All names that the house defines: of functions and classes, of variables, of attributes of objects."""
    names = set()
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return names


def private_parts_of_others(module):
    """Lines that mention private parts of other libraries."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute):
            private = node.attr.startswith("_") and not node.attr.startswith("__") and node.attr not in our_names()
            if private and node.attr not in NAMEDTUPLE and ast.unparse(node) != "argparse._SubParsersAction":
                yield f"line {node.lineno}: {ast.unparse(node)}"
            if node.attr in UNDOCUMENTED:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        path = node.module if isinstance(node, ast.ImportFrom) and not node.level else ""
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [path or ""]
        if any(name.startswith("keras.src") for name in names):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_keras_is_touched_in_private_in_few_modules_only():
    found = {module: list(private_parts_of_others(module)) for module in MODULES}
    assert {module for module in found if found[module]} == MAY_TOUCH_KERASS_PRIVATE_PARTS, found
