"""A trace as a picture."""

from pathlib import Path

from fusion_sched.report import draw_trace
from fusion_sched.trace import Trace, read_trace


def test_a_run_under_way_is_drawn(short_runs: Path, tmp_path: Path) -> None:
    whole = read_trace(short_runs / "pid0")
    begun = Trace(whole.path, whole.events[:6], [])
    draw_trace(begun, tmp_path / "trace.png")
    assert (tmp_path / "trace.png").stat().st_size > 10_000
