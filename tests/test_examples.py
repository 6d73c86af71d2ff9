"""The examples run as they stand, and show what they say."""

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_arrays_end_in_one_table_of_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["own_arrays.py"])
    (table,) = load("own_arrays").main(tmp_path, folds=2).tables
    assert {row.name for row in table.rows} == {"controller=joint", "controller=pid"}
    for row in table.rows:
        assert (row.folds, row.missing_folds) == (2, ())
        assert sum(row.tested.values()) == 240, "every sample tests once"
    printed = capfd.readouterr().out
    assert "1 × 2 folds" in printed, "the sweep itself ends in the table"
    assert "dataset.layout=channels_first" in printed


def test_the_diagnosis_alone_shows_what_speakers_give_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known, unknown = load("diagnosis_alone").main()
    assert known.mi["voice"].low > 0.05
    assert unknown.mi["voice"].value < 0.05
    assert "speakers held out" in capsys.readouterr().out


def test_maximising_raises_the_synergy() -> None:
    before, after = load("maximise_synergy").main(steps=100)
    assert before < 0.1
    assert after > 0.5


def test_own_files_train_without_the_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["own_files.py"])
    result = load("own_files").main(tmp_path)
    assert "1 fatal issue(s): training refuses" in capfd.readouterr().out
    assert result["test"]["fused"]["accuracy"] > 0.25


def run_cells(notebook: Path) -> list[Any]:
    """Run the code cells in order, in one namespace; return the value that each ends in."""
    names: dict[str, Any] = {}
    values = []
    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == [], "a notebook in the repository holds no outputs"
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            values.append(
                eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
            )
    return values


def test_the_notebook_runs_and_shows_what_it_says() -> None:
    classifier, accuracy, diagnosis, reasons, epochs, shapes = run_cells(
        EXAMPLES / "notebook.ipynb"
    )
    assert "FusionClassifier" in classifier._repr_html_()
    assert accuracy["both"] > max(accuracy["upper"], accuracy["lower"])
    assert "<th>redundancy</th>" in diagnosis._repr_html_()
    assert reasons[0].startswith("every modality")
    assert list(epochs.columns) == ["upper", "lower", "fused"]
    assert len(epochs) == 10
    assert shapes == ({"upper": (220, 64), "lower": (220, 64)}, (220, 4))


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_pages_show_the_program_as_it_runs(page: str) -> None:
    """That of docs/python.md is run with the commands of the page."""
    text = (EXAMPLES.parent / page).read_text(encoding="utf-8")
    program = (EXAMPLES / "classifier.py").read_text(encoding="utf-8")
    assert program in re.findall(r"```python\n(.*?)```", text, flags=re.S)
