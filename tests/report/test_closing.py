"""The lines below the closing table of a run lead to its page and its figures."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Answer
from tests.report.traces import events_of, without_intervals, write_run


def test_the_line_that_a_run_ends_with_makes_its_page(
    command: Callable[..., Answer], short_runs: Path, tmp_path: Path
) -> None:
    run = tmp_path / "my run"
    shutil.copytree(short_runs / "pid0", run)
    (run / ".hydra").mkdir()
    (run / ".hydra" / "config.yaml").touch()
    ended = command("train", f"resume={run}")
    (line,) = [line for line in ended.out.splitlines() if line.startswith("report: ")]
    name, *arguments = shlex.split(line.removeprefix("report: "))
    assert (name, arguments) == ("fusion-sched", ["report", "my run"])
    assert command(*arguments).code == 0
    assert (tmp_path / "report.html").is_file()


def test_figures_of_an_older_run_are_drawn_beside_its_page(
    command: Callable[..., Answer], short_runs: Path, tmp_path: Path
) -> None:
    events = events_of(short_runs / "pid0")
    for event in events:
        without_intervals(event)
    write_run(tmp_path / "runs" / "old", [e for e in events if e["event"] != "result"])
    write_run(tmp_path / "runs" / "empty", [])
    made = command("report", "runs", "--figures", "drawn")
    assert made.code == 0
    assert "no whole start event" in made.err
    drawn = [line.removeprefix("figure: ") for line in made.out.splitlines()[1:]]
    assert len(drawn) == 6
    assert all(Path(file).is_file() for file in drawn)
