"""The documentation is true: its links lead somewhere, its commands exist, its code runs, its site builds."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tutorials import catalogue
from tutorials.__main__ import main as tutorials_main
from tutorials.publishing.publish import PAGES as PUBLISHED_PAGES

import pytest

from callbacks.__main__ import main as callbacks_main

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.joinpath("docs").glob("*.md"))
FENCED = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""A fenced block: its language and its text."""
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
"""A link or picture: `!` or nothing, its text, its target."""


def text_of(page):
    return ROOT.joinpath(page).read_text(encoding="utf-8")


def links(page):
    """The links and pictures of a page as triples: `!` or nothing, text, target."""
    return LINK.findall(re.sub(r"`[^`]*`", "code", FENCED.sub("", text_of(page))))


def anchors(page):
    """The anchors that a forge, and MyST with it, makes of the headings of a page."""
    found = []
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text_of(page)), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", LINK.sub(r"\2", heading).lower()).replace(" ", "-")
        repeated = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in found)
        found.append(f"{anchor}-{repeated}" if repeated else anchor)
    return found


def commands(page):
    """The lines of a page's shell blocks, and the commands of its sentences that begin with `python -m`."""
    lines = [
        line for language, block in FENCED.findall(text_of(page)) if language == "sh" for line in block.split("\n")
    ]
    mentioned = re.findall(r"`(python -m [^`]+|make [^`]+)`", re.sub(r"\s+", " ", FENCED.sub("", text_of(page))))
    return [re.sub(r"^(\w+=\S+ )*", "", line) for line in lines if line] + mentioned


def test_what_the_parser_reads():
    """The tests below would pass if it found nothing."""
    assert ("", "Your own model", "your_model.md") in links("docs/index.md")
    assert any(mark and target == "inside.svg" for mark, _, target in links("docs/inside.md"))
    assert "reading-the-results-in-tensorboard" in anchors("docs/your_model.md")
    assert "python -m tutorials run vanishing" in commands("docs/learn.md")
    assert "make test" in commands("docs/ci.md")
    assert "python -m benchmarks.epoch" in commands("docs/performance.md")


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_links_lead_somewhere(page):
    for _, text, target in links(page):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = ROOT.joinpath(page).parent.joinpath(path).resolve() if path else ROOT / page
        assert linked.is_file(), f"{page}: [{text}]({target}) leads to no file"
        if anchor:
            assert anchor in anchors(linked.relative_to(ROOT)), f"{page}: [{text}]({target}) leads to no heading"


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_every_picture_has_a_description(page):
    for mark, text, target in links(page):
        if mark:
            assert len(text.split()) >= 8, f"{page}: {target} is not described"


def test_the_first_page_leads_to_every_other():
    assert {target for _, _, target in links("docs/index.md")} >= {Path(page).name for page in PAGES} - {"index.md"}


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_where_publish_fills_them(page):
    begun, ended = (re.findall(rf"^<!-- {word} (\w+) -->$", text_of(page), re.MULTILINE) for word in ("begin", "end"))
    assert begun == ended
    assert not begun or page in PUBLISHED_PAGES


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_there_is(page, capsys):
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    for line in commands(page):
        program, *words = shlex.split(line)
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), line
        elif program != "python":
            assert program in ("tensorboard", "pytest"), line
        elif words[1] in ("tutorials", "callbacks"):
            with pytest.raises(SystemExit) as end:
                {"tutorials": tutorials_main, "callbacks": callbacks_main}[words[1]]([*words[2:], "--help"])
            assert end.value.code == 0, line
            if words[2:] and words[2] in ("run", "study"):
                names = [word for word in words[3:] if not word.startswith("-") and word != "mnist.npz"]
                known = {"all", *(name for section in catalogue.sections() for name in section)}
                assert {*names} <= known, line
        else:
            assert ROOT.joinpath(*words[1].split(".")).with_suffix(".py").exists(), line


def run_blocks(page, capsys):
    """Run the Python blocks of a page in turn, one namespace for all, and the calls of `diagnose` between them.

    A `text` block is what the blocks above it, as far as the one before, have printed.
    """
    namespace, text = {"__name__": "__main__"}, text_of(page)
    for block in FENCED.finditer(text):
        language, code = block.groups()
        if language == "python":
            lines_above = "\n" * (text[: block.start()].count("\n") + 1)  # so that a traceback names the page's line
            exec(compile(lines_above + code, ROOT / page, "exec"), namespace)
        elif language == "text":
            assert capsys.readouterr().out.strip().endswith(code.strip())
        elif language == "sh":
            for line in code.splitlines():
                if line.startswith("python -m callbacks diagnose "):
                    assert callbacks_main(shlex.split(line)[3:]) in (0, 1), line


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in text_of(page)])
def test_the_code_runs_as_it_is_written(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_blocks(page, capsys)


@pytest.mark.slow
def test_the_learners_first_study(tmp_path, capsys):
    (command, *_) = (line for line in commands("docs/learn.md") if line.startswith("python -m tutorials study"))
    tutorials_main([*shlex.split(command)[3:], "--seeds", "2", "--epochs", "2", "--logdir", str(tmp_path)])
    tutorials_main(["report", "--logdir", str(tmp_path)])
    assert "ReLU, 5 hidden layers" in capsys.readouterr().out
    assert tmp_path.joinpath("report.html").exists()


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    options = ["-q", "-W", "--keep-going", "-d", tmp_path / "trees"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ROOT / "docs", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    for page in PAGES:
        html = tmp_path.joinpath("site", Path(page).name).with_suffix(".html").read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|link)[^>]*(?:src|href)=\"(https?:[^\"]*)\"", html)
        assert not loaded, f"{page} does not work offline: it loads {loaded}"
