"""Several runs: the tables of `compare`, and every run that there is."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.analysis import compare
from fusion_sched.analysis.grid import grid_of
from fusion_sched.analysis.statistics import mean_over_seeds
from fusion_sched.report.html.document import Section, Table
from fusion_sched.report.html.many import many_facts, many_lead, many_sections, name_runs
from fusion_sched.report.writing import PageRequest, compare_runs, read_runs, write_report
from tests.report.traces import changed, charts_of, events_of, write_run


def sections_of(*paths: Path) -> tuple[list[Section], list[str]]:
    runs = read_runs(paths)
    comparison, _ = compare_runs(PageRequest(paths), runs)
    return many_sections(name_runs(runs.views, mix=False), comparison)


def test_the_table_is_that_of_compare(short_runs: Path) -> None:
    sections, _ = sections_of(short_runs)
    (table,) = compare([short_runs]).tables
    shown = next(b for b in sections[0].blocks if isinstance(b, Table))
    assert [list(row) for row in shown.rows] == grid_of(table, wide=False).rows
    dots = charts_of(sections)["Rows of digits_cg"].figure["data"]
    assert sorted(dots[0]["x"]) == sorted(v for m in table.rows for v in m.fused.values())
    assert dots[1]["x"] == [mean_over_seeds(m.fused).value for m in table.rows]


def test_curves_can_be_chosen_and_are_drawn_run_by_run(short_runs: Path) -> None:
    chart = charts_of(sections_of(short_runs)[0])["Curves of all runs"]
    fused = [t for t in chart.figure["data"]
             if t["meta"]["choice"] == "validation accuracy, fused [%]"]  # fmt: skip
    assert sorted(t["meta"]["run"] for t in fused) == [
        "controller=joint, seed 0", "controller=joint, seed 1",
        "controller=pid, seed 0", "controller=pid, seed 1",
    ]  # fmt: skip
    assert len({(t["line"]["color"], t["line"]["dash"]) for t in fused}) == 2
    choices = {t["meta"]["choice"] for t in chart.figure["data"]}
    assert {"synergy [bit]", "redundancy [bit]", "unique gray [bit]"} <= choices


def test_more_runs_than_can_be_told_apart_are_drawn_as_means(
    short_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_sched.report.html.charts.across.MOST_CURVES", 3)
    chart = charts_of(sections_of(short_runs)[0])["Curves of all runs"]
    fused = {t["meta"]["run"]: t for t in chart.figure["data"]
             if t["meta"]["choice"] == "validation accuracy, fused [%]"}  # fmt: skip
    assert set(fused) == {"controller=joint", "controller=pid"}
    last = [
        [e for e in events_of(short_runs / run) if e["event"] == "epoch"][-1]
        for run in ("joint0", "joint1")
    ]
    values = [100 * event["accuracy"]["validation"]["fused"] for event in last]
    assert fused["controller=joint"]["y"][-1] == pytest.approx(sum(values) / 2)


def test_runs_that_have_not_ended_are_shown_without_a_table(
    short_runs: Path, tmp_path: Path
) -> None:
    for name in ("joint0", "pid0"):
        write_run(tmp_path / "runs" / name, events_of(short_runs / name)[:5])
    runs = read_runs([tmp_path / "runs"])
    comparison, unfit = compare_runs(PageRequest([tmp_path / "runs"]), runs)
    assert (comparison, unfit) == (None, [])
    named = name_runs(runs.views, mix=False)
    assert many_lead(named, None) == ("No table compares these runs: none of the runs has ended.")
    assert many_facts(named, None)["runs"] == "2, 0 ended"
    assert write_report([tmp_path / "runs"], tmp_path / "page.html") == []


def test_what_cannot_be_read_or_compared_is_named(short_runs: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(short_runs, runs)
    (runs / "empty").mkdir()
    (runs / "empty" / "trace.jsonl").write_text("garbage\n", encoding="utf-8")
    old = changed(events_of(short_runs / "pid0"), lambda event: event.pop("probe_share", None))
    write_run(runs / "old", old)
    notes = write_report([runs], tmp_path / "page.html")
    assert any("empty/trace.jsonl has no whole start event" in note for note in notes)
    assert any("old is not in the tables: its trace has no probe_share" in note for note in notes)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(note.split("'")[0][:60] in html for note in notes)


def without_scores(event: dict[str, Any]) -> None:
    event.get("test", {}).get("gray", {}).pop("macro_f1", None)


def without_seed(event: dict[str, Any]) -> None:
    event.get("config", {}).pop("seed", None)


def with_a_broken_end(event: dict[str, Any]) -> None:
    event.pop("selected_epoch", None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_scores, "old is not in the tables: its trace has no test.gray.macro_f1"),
        (without_seed, "old is not in the tables: its trace has no config.seed"),
        (with_a_broken_end, "1 event left out, of kind 'result'"),
    ],
)
def test_a_run_that_fits_no_table_is_shown_beside_them(
    short_runs: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    old = write_run(tmp_path / "old", changed(events_of(short_runs / "pid0"), change))
    paths = [old, short_runs / "joint0", short_runs / "pid1"]
    notes = write_report(paths, tmp_path / "page.html")
    assert [told in note for note in notes].count(True) == 1
    sections, _ = sections_of(*paths)
    (listed,) = [b for b in sections[-1].blocks if isinstance(b, Table)]
    assert sorted(Path(row[0]).name for row in listed.rows) == ["joint0", "old", "pid1"]
    alone, unfit = compare_runs(PageRequest([old]), read_runs([old]))
    assert alone is None
    assert len(unfit) == (change is not with_a_broken_end)


def test_nothing_readable_and_unknown_rows_are_errors(short_runs: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    with pytest.raises(FileNotFoundError, match=r"holds no trace\.jsonl"):
        write_report([tmp_path], output)
    (tmp_path / "trace.jsonl").write_text("garbage\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no whole start event"):
        write_report([tmp_path], output)
    with pytest.raises(ValueError, match="reference 'nobody' is no row"):
        write_report([short_runs], output, reference="nobody")
    assert not output.exists()


def test_the_answer_of_two_seeds_has_no_interval(short_runs: Path) -> None:
    views = read_runs([short_runs]).views
    comparison, _ = compare_runs(PageRequest([short_runs]), read_runs([short_runs]))
    lead = many_lead(name_runs(views, mix=False), comparison)
    assert "controller=pid: joint training after stage 1 in 2 of 2 runs. Why, with seed 0: " in lead
    facts = many_facts(name_runs(views, mix=False), comparison)
    assert next(iter(facts)) == "fused test accuracy, controller=pid"
    gap = facts["above joint training (controller=joint)"]
    assert "points; no interval: " in gap
