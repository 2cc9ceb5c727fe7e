"""The notebooks run from the first cell to the last, and what they keep is what they draw."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
QUICK = {"3_find_hotspots": "0.04"}
"""Scale of the demo city in `make test`; the others take their own, in `make test-long`."""


@pytest.mark.parametrize("name", sorted(QUICK))
def test_quick_notebooks_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(name, monkeypatch, QUICK[name])


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.ipynb")))
def test_every_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(name, monkeypatch, "")


def run(name: str, monkeypatch: pytest.MonkeyPatch, scale: str) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.setenv("PYTHONWARNINGS", "error::UserWarning")  # a glyph that no font has
    if scale:
        monkeypatch.setenv("WANMI_SCALE", scale)
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    client = NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=dict(os.environ))
    for cell in book.cells:
        for output in cell.get("outputs", []):
            assert "Warning" not in output.get("text", ""), output["text"]


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.ipynb")))
def test_the_kept_notebook_was_run_whole(name: str) -> None:
    book = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])
