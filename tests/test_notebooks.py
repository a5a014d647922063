"""The notebooks as they are stored, and how their first cell finds the project; nbval executes them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted(Path(__file__).parent.parent.joinpath("notebooks").glob("*.ipynb"))
STANDALONE = [path for path in NOTEBOOKS if "REPOSITORY" in path.read_text(encoding="utf-8")]


def named(paths):
    return {"argnames": "path", "argvalues": paths, "ids": [path.stem for path in paths]}


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize(**named(NOTEBOOKS))
def test_stored_outputs_are_those_of_one_run_without_warnings_and_progress_bars(path):
    cells = [cell for cell in code_cells(path) if "skip-execution" not in cell.metadata.get("tags", [])]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [output for output in outputs if "\r" in output.get("text", "")]


@pytest.mark.parametrize(**named(NOTEBOOKS))
def test_some_outputs_are_compared(path):
    compared = [cell for cell in code_cells(path) if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert len(compared) >= 3
    assert all(cell.outputs for cell in compared)


@pytest.fixture
def upstream(tmp_path):
    """A repository to clone."""
    folder = tmp_path / "upstream"
    for name in ("notebooks", "tutorials"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(**named(STANDALONE))
def test_the_first_cell_clones_the_repository_unless_it_is_there(path, upstream, tmp_path, monkeypatch):
    source = code_cells(path)[0].source
    end = "sys.path.insert(0, str(Path.cwd().parent))\n"
    assert source.count(end) == source.count('REPOSITORY = ""') == 1
    source = source.split(end)[0].replace('REPOSITORY = ""', f"REPOSITORY = {str(upstream)!r}") + end
    run, programs = subprocess.run, []

    def run_git_only(command, check):
        programs.append(command[0])
        return run(command, check=check) if command[0] == "git" else None

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", run_git_only)
    monkeypatch.setattr(sys, "path", [*sys.path])
    elsewhere, clone = tmp_path / "elsewhere", tmp_path / "elsewhere" / "gradient-monitor"
    elsewhere.mkdir()
    for folder, expected in (
        (elsewhere, ["git", sys.executable]),
        (elsewhere, [sys.executable]),  # the kernel was restarted
        (clone / "notebooks", []),
    ):
        monkeypatch.chdir(folder)
        programs.clear()
        exec(source, {})
        assert programs == expected
        assert Path.cwd() == clone / "notebooks"
        assert sys.path[0] == str(clone)
