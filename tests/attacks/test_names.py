"""Names from files: no control character reaches the terminal, no formula a spreadsheet."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.runtime.text import one_line, spreadsheet_cell
from tests.conftest import Answer

Command = Callable[..., Answer]
NAMES = ["\x1b[31mred\x1b]0;title\x07", "a\nb", "a|b\r\nc", "\x9b2J", "‮abc", "=1+1", "@sum", "+x"]


@pytest.fixture
def run(short_runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(short_runs / "joint0", tmp_path / "run"))


def _rename(run: Path, name: str) -> None:
    """Give the run a method and a first modality of this name."""
    start, *others = (run / "trace.jsonl").read_text().splitlines()
    event = json.loads(start)
    event["config"]["method"] = name
    event["classes"][0] = name
    (run / "trace.jsonl").write_text("\n".join([json.dumps(event), *others, ""]))


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv", "json"])
@pytest.mark.parametrize("name", NAMES)
def test_compare_shows_control_characters(
    command: Command, run: Path, name: str, form: str
) -> None:
    _rename(run, name)
    answer = command("compare", "run", "--format", form)
    assert answer.code == 0, answer.err
    for character in "\x1b\x07\x9b\r‮":
        assert character not in answer.out + answer.err
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.out)))
        assert rows[0]["name"] == spreadsheet_cell(one_line(name))
    if form == "markdown":
        rows = [line for line in answer.out.splitlines() if line.startswith("|")]
        assert len({line.count(" | ") for line in rows}) == 1


def test_an_error_shows_control_characters(command: Command) -> None:
    answer = command("report", "\x1b[31mnowhere")
    assert answer.code == 1
    assert "\x1b" not in answer.err
    assert "␛[31mnowhere" in answer.err


@pytest.mark.parametrize("text", ["=1", "+1", "-a", "@a", "\ta"])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"
