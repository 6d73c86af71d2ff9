"""The live view as a file: of a run, and the one in the documentation."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_a_run_is_drawn_with_nothing_from_outside(
    short_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "live.svg"
    script = str(ROOT / "scripts" / "draw_live_view.py")
    for epoch, stage in (["1"], "unimodal"), (["5"], "joint"), ([], "paused:"):
        monkeypatch.setattr("sys.argv", [script, str(short_runs / "pid0"), str(out), *epoch])
        runpy.run_path(script, run_name="__main__")
        assert stage in out.read_text(encoding="utf-8")
        assert "pid0 after epoch" in capsys.readouterr().out
    check_that_nothing_is_asked_for(out)


def test_the_documentation_shows_one() -> None:
    check_that_nothing_is_asked_for(ROOT / "docs" / "live.svg")
    assert "live.svg" in (ROOT / "docs" / "live.md").read_text(encoding="utf-8")


def check_that_nothing_is_asked_for(svg: Path) -> None:
    text = svg.read_text(encoding="utf-8")
    assert "synergy" in text
    assert not re.search(r"@font-face|@import|href|url\((?!#)", text)
