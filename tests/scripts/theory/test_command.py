"""python -m scripts.studies.theory: tables, verdicts, and a second run that computes nothing."""

import json
from pathlib import Path

import pytest

from scripts.studies import theory
from scripts.studies.theory.__main__ import main
from tests.scripts.theory.tiny import TINY


def test_it_prints_tables_and_verdicts_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(theory.PROFILES, TINY.name, TINY)
    arguments = ["--profile", TINY.name, "--output", str(tmp_path), "--device", "cpu"]
    main(arguments)
    first = capsys.readouterr().out
    result = json.loads((tmp_path / "theory.json").read_text(encoding="utf-8"))
    for tables in theory.tables(result).values():
        assert all(table.title[:20] in first for table in tables)
    verdicts = [line for line in first.splitlines() if line.startswith(("reproduced", "not rep"))]
    assert len(verdicts) == 3
    parts = [f"Study: {name}" for parts in result["parts"].values() for name in parts]
    assert all(part in first for part in parts)
    main(arguments)
    again = capsys.readouterr().out
    assert "Study: " not in again
    assert again == first[first.index(again[:40]) :]
