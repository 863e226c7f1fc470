"""The notebook for beginners, from top to bottom at a tiny scale."""

import json
import re
import shutil
from pathlib import Path

import pytest

import gym_compete

ROOT = Path(gym_compete.__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples/quickstart.ipynb"
TINY = """
TRAINING = ("--max-iters 1 --anchor-every 1 --anchor-games 2 --num-envs 8 --hid-size 8 "
            "--timesteps-per-batch 480 --optim-batchsize 60")
MATCHES, GAMES = 2, ["you-shall-not-pass", "nobody-plays-this"]
"""


def test_it_ships_without_outputs():
    """As its author left it: parameters first, nothing run yet, and small."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"]
             if cell["cell_type"] == "code"]
    assert cells[0]["metadata"]["tags"] == ["parameters"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    assert NOTEBOOK.stat().st_size < 30_000


def test_it_runs_from_top_to_bottom(tmp_path):
    """A film, a run, its curve and a matrix come out; a game for which nothing ships is named."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(
        ".*", "tests", "saveparameters", "__pycache__"))
    notebook = nbformat.read(copy / "examples/quickstart.ipynb", as_version=4)
    next(cell for cell in notebook.cells if cell.cell_type == "code").source = TINY
    nbclient.NotebookClient(notebook, timeout=300, resources={
        "metadata": {"path": str(copy / "examples")}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "")
                   for output in outputs)
    assert "nobody-plays-this: nothing ships yet" in text
    assert re.search(r"seat 1 wins \(agent1\)", text)
    assert re.search(r"done: 1 iterations.* Wins", text)
    assert re.search("^zero ", text, re.M) and "error" not in text
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/gif") == kinds.count("image/png") == 2
