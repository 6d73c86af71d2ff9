"""The examples run as they stand, and show what they say."""

import importlib.util
from pathlib import Path
from types import ModuleType

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
    assert {row.name for row in table.rows} == {"Joint", "PID"}
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
