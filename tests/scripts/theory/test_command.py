"""fusion-sched theory: tables, verdicts, and a result that is gone on with."""

import json
from pathlib import Path

import pytest
from rich.table import Table

from scripts.studies import theory
from scripts.studies.theory import command as theory_command
from tests.scripts.theory.tiny import TINY


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(theory.PROFILES, TINY.name, TINY)
    return TINY.name


def test_it_prints_tables_and_verdicts_and_goes_on(profile: str, tmp_path: Path) -> None:
    told: list[str] = []
    parts = list(theory_command.study(profile, tmp_path, "cpu", told.append))
    assert sum(isinstance(part, Table) for part in parts) == 8
    assert sum(str(part).startswith(("reproduced", "not reproduced")) for part in parts) == 3
    planned = json.loads((tmp_path / "theory.json").read_text())["planned"]
    assert told[:2] == [f"{n} of {planned} parts done" for n in (1, 2)]
    again: list[str] = []
    list(theory_command.study(profile, tmp_path, "cpu", again.append))
    assert again == []


@pytest.mark.parametrize("text", ['{"knobs"', "{}", "[]"])
def test_a_damaged_result_is_named(profile: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "theory.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"theory\.json is not .*; delete it to start anew"):
        list(theory_command.study(profile, tmp_path, "cpu", print))
