"""Notebook 02 on the backend that Keras runs on; with TensorFlow, `make test` executes it as a notebook."""

import contextlib
import io
import json
from pathlib import Path

import matplotlib
import pytest

from tests.callbacks.tape import BACKEND

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_watch_your_own_model.ipynb"


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="executed as a notebook")
def test_the_notebook_prints_on_this_backend_what_it_prints_on_tensorflow(monkeypatch):
    monkeypatch.chdir(NOTEBOOK.parent)
    matplotlib.use("Agg")
    names = {"__name__": "__main__"}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(line for line in cell["source"] if not line.startswith("%"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(NOTEBOOK), "exec"), names)
        if "nbval-check-output" in cell["metadata"].get("tags", []):
            expected = "".join(line for output in cell["outputs"] for line in output.get("text", []))
            assert printed.getvalue() == expected
