"""The README is true: its example and its commands print what it says they print."""

import re
import shlex
from pathlib import Path

from tutorials.__main__ import main as tutorials_main

import numpy as np
import pytest

from callbacks.__main__ import main as callbacks_main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
NOT_RUN = ("make", "pip", "tensorboard", ".venv", "python -m venv", "python -m tutorials run vanishing", "study all")
"""Installation, servers, what is marked with a duration, and what the tests of the tutorial run as it is."""

MAX_WORDS = 1300


def blocks(kind):
    """The indented blocks of the README, or its Python blocks, each as text."""
    if kind == "python":
        return re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
    return ["\n".join(line[4:] for line in block.rstrip("\n").split("\n")) for block in found]


def commands():
    """The lines of the README that are to be typed, without their comments."""
    lines = [line for block in blocks("indented") for line in block.split("\n")]
    return [
        line.split("  #")[0].strip() for line in lines if line.startswith(("python ", "make ", "pip ", "tensorboard "))
    ]


def assert_same_but_for_numbers(printed, expected):
    """The same words, and numbers within a fifth, as another processor may round otherwise."""
    number = r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])"
    assert " ".join(re.sub(number, "#", printed).split()) == " ".join(re.sub(number, "#", expected).split())
    values, wanted = ([float(one) for one in re.findall(number, text)] for text in (printed, expected))
    np.testing.assert_allclose(values, wanted, rtol=0.3)


@pytest.mark.slow
def test_the_example_prints_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.strip()
    (expected,) = (block for block in blocks("indented") if block.startswith("hidden_1 "))
    sizes, wanted = ([float(line.split()[-1]) for line in text.splitlines()] for text in (printed, expected))
    assert [line.split()[0] for line in printed.splitlines()] == [line.split()[0] for line in expected.splitlines()]
    np.testing.assert_allclose(sizes, wanted, rtol=0.2)
    ratios = np.divide(sizes[1:], sizes[:-1])
    assert (ratios > 3.5).all()
    assert (ratios < 6.8).all()
    assert list((tmp_path / "logs" / "digits").glob("events*"))


@pytest.mark.slow
def test_the_commands_of_the_diagnosis_print_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run, diagnose = (
        shlex.split(line) for line in commands() if not any(other in line for other in (*NOT_RUN, "claims"))
    )
    assert run[:3] == ["python", "-m", "tutorials"]
    tutorials_main(run[3:])
    capsys.readouterr()
    assert diagnose[:3] == ["python", "-m", "callbacks"]
    assert callbacks_main(diagnose[3:]) == 1
    printed = capsys.readouterr().out
    (expected,) = (block for block in blocks("indented") if block.startswith("Diagnosis after"))
    heading, finding = expected.split("\n", 1)
    assert heading in printed
    begin = printed.index("error    vanishing_gradient")
    assert_same_but_for_numbers(printed[begin : printed.index("What cured it alone")], finding)


def test_every_command_is_one_that_there_is(capsys):
    for line in commands():
        words = shlex.split(line)
        if words[:2] == ["python", "-m"] and words[2] in ("tutorials", "callbacks"):
            main = {"tutorials": tutorials_main, "callbacks": callbacks_main}[words[2]]
            with pytest.raises(SystemExit) as end:
                main([*words[3:], "--help"])
            assert end.value.code == 0, line


def test_it_can_be_finished():
    assert len(README.split()) <= MAX_WORDS
