"""Both readings, their lower bounds, the joint model and cautions: the same words everywhere."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.report import draw_trace
from fusion_sched.report.html.charts.readings import readings
from fusion_sched.report.html.run_page import run_sections
from fusion_sched.report.live import diagnosis_lines
from fusion_sched.report.panels import (
    generalising_panel,
    information_panel,
)
from fusion_sched.report.paper import draw_figures
from fusion_sched.report.readings import joint_model_words, readings_words, source_readings
from fusion_sched.report.view import RunView
from fusion_sched.report.writing import write_report
from fusion_sched.runlog import read_trace
from tests.conftest import of, run_once
from tests.report.live.test_picture import drawn
from tests.report.traces import (
    changed,
    charts_of,
    events_of,
    view_of,
    with_second_reading,
    write_run,
)

NAME = "Stored and generalising information"


@pytest.fixture(scope="module")
def both(short_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose probes have lower bounds, label models, warnings and a second reading."""
    events = changed(events_of(short_runs / "pid0"), with_second_reading)
    return write_run(tmp_path_factory.mktemp("both") / "run", events)


@pytest.fixture
def plain(short_runs: Path) -> RunView:
    return view_of(short_runs / "pid0")


def test_a_record_holds_both_readings(both: Path) -> None:
    probe = view_of(both).probes[0]
    assert probe.generalising is not None
    assert probe.generalising.mi["gray"].value == 0.5
    gap = probe.diagnosis.mi["gray"].value - 0.5
    assert probe.difference["gray"].value == pytest.approx(gap)
    assert probe.warnings == [
        "the cells of naive Bayes hold 0.10 bit less",
        "generalising reading: the cells of kernel 1 hold 0.10 bit less",
    ]


@pytest.mark.parametrize(
    ("key", "odd"),
    [("generalising", "no diagnosis"), ("generalising", {"mi_bits": {}}), ("lower_bits", {"a": ""}),
     ("stored_minus_generalising_bits", {"gray": {"value": "much"}})],
)  # fmt: skip
def test_a_second_reading_that_cannot_be_read_is_named(
    both: Path, tmp_path: Path, key: str, odd: Any
) -> None:
    def spoil(event: dict[str, Any]) -> None:
        if event["event"] == "probe":
            event[key] = odd

    view = view_of(write_run(tmp_path / "run", changed(events_of(both), spoil)))
    assert view.probes == []
    assert "left out" in view.problems[0]
    assert key in view.problems[0] or "of kind 'probe'" in view.problems[0]


def test_stored_and_generalising_panels_have_the_same_modalities(both: Path) -> None:
    stored, generalising = information_panel(view_of(both)), generalising_panel(view_of(both))
    assert stored is not None
    assert generalising is not None
    assert [s.label for s in stored.series] == [s.label for s in generalising.series]
    assert [s.style for s in stored.series] == [s.style for s in generalising.series]
    assert {v.value for _, v in generalising.series[0].known} == {0.5}
    assert stored.title.startswith("stored ")


def test_the_page_shows_each_reading_with_its_lower_bound(both: Path) -> None:
    view = view_of(both)
    chart = charts_of(run_sections(view))[NAME]
    moment = view.main_moment
    shown = {t["name"]: t for t in chart.figure["data"] if t.get("meta") == {"choice": moment.name}}
    assert list(shown) == ["stored", "generalising", "held-out lower bound"]
    mi = moment.probe.diagnosis.mi
    expected = [mi["gray"].value, mi["colored"].value, moment.probe.diagnosis.joint_mi.value]
    assert shown["stored"]["x"] == expected
    assert shown["generalising"]["x"][:2] == [0.5, 0.5]
    assert shown["held-out lower bound"]["x"] == [0.25] * 6
    assert len(set(shown["stored"]["y"]) & set(shown["generalising"]["y"])) == 0, "no overlap"
    assert chart.numbers is not None
    assert len(chart.numbers.rows) == 6 * len(view.moments)


def test_one_reading_with_lower_bounds_is_shown_alone(both: Path, tmp_path: Path) -> None:
    def alone(event: dict[str, Any]) -> None:
        event.pop("generalising", None)
        event.pop("stored_minus_generalising_bits", None)
        if event["event"] == "start":
            event["config"]["probe"]["source"] = "validation"

    view = view_of(write_run(tmp_path / "run", changed(events_of(both), alone)))
    chart = readings(view)
    assert chart is not None
    assert chart.name == "Information and its lower bounds"
    (source, *_) = source_readings(view, view.probes[-1])
    assert [reading.name for reading in source.readings] == ["generalising"]


def test_a_negative_lower_bound_says_no_more_than_zero(both: Path, tmp_path: Path) -> None:
    def below(event: dict[str, Any]) -> None:
        if event["event"] == "probe":
            event["lower_bits"] = {"gray": -0.3, "colored": 0.1, "all": 0.2}

    view = view_of(write_run(tmp_path / "run", changed(events_of(both), below)))
    assert "(at least 0.00)" in readings_words(source_readings(view, view.probes[-1]))[0]


def test_the_headline_of_the_page_holds_the_cautions(both: Path, tmp_path: Path) -> None:
    write_report([both], tmp_path / "page.html")
    header = unescape((tmp_path / "page.html").read_text()).split("</header>")[0]
    assert "Caution: the cells of naive Bayes hold 0.10 bit less." in header
    assert "Caution: generalising reading: the cells of kernel 1" in header


def test_several_runs_have_their_cautions_in_the_notes(both: Path, tmp_path: Path) -> None:
    again = write_run(tmp_path / "again", events_of(both))
    notes = write_report([both, again], tmp_path / "page.html")
    assert sum("the cells of naive Bayes" in note for note in notes) == 2


def test_closing_and_live_lines_say_what_the_page_says(both: Path) -> None:
    view = view_of(both)
    probe = view.hand_over_probe
    assert probe is not None
    closing = "\n".join(diagnosis_lines(read_trace(both)))
    for text in probe.warnings:
        assert f"caution: {text}" in closing
    last = view.probes[-1]
    live = " ".join(drawn(events_of(both), width=100).split())
    assert "caution: the cells of naive Bayes hold 0.10 bit less" in live
    assert live.count("the cells of naive Bayes") == 1
    for shown, of_probe in ((closing, probe), (live, last)):
        model = joint_model_words(of_probe)
        assert model == "joint label model behind synergy: naive Bayes (generalising: kernel 1)"
        for sentence in (*readings_words(source_readings(view, of_probe)), model):
            assert sentence in " ".join(shown.split())


@pytest.mark.parametrize("width", [20, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [3, 10, 23, 60])
def test_the_live_picture_fits_every_terminal(both: Path, width: int, height: int) -> None:
    lines = drawn(events_of(both), width, height).split("\n")
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_the_figure_of_both_readings_names_them(both: Path, tmp_path: Path) -> None:
    files = draw_figures([read_trace(both)], tmp_path, names=["run"], formats=("svg",))
    (figure,) = [file for file in files if file.stem == "run-readings"]
    text = unescape(figure.read_text(encoding="utf-8"))
    for word in ("stored, 95 % interval", "generalising, 95 % interval", "held-out lower bound",
                 "gray", "0.50 [0.40, 0.60]", "H(Y)"):  # fmt: skip
        assert word in text
    draw_trace(read_trace(both), tmp_path / "trace.png")
    assert (tmp_path / "trace.png").stat().st_size > 0


def test_a_run_without_self_checks_looks_as_before(plain: RunView, short_runs: Path) -> None:
    assert generalising_panel(plain) is None
    assert readings(plain) is None
    assert plain.cautions == []
    assert NAME not in charts_of(run_sections(plain))
    panel = information_panel(plain)
    assert panel is not None
    assert panel.title == "information I(X; Y) [bit]"
    trace = read_trace(short_runs / "pid0")
    assert all(line.startswith("note: ") for line in diagnosis_lines(trace))


def test_twelve_samples_are_a_caution_everywhere(tmp_path: Path) -> None:
    quick = ("dataset=synthetic", "dataset.samples=300", "stage1.epochs=1", "stage2.epochs=1",
             "probe=posterior", "probe.samples=12", "probe.source=both", "robustness=false",
             "tracker=none")  # fmt: skip
    run = tmp_path / "run"
    events = run_once(run, *quick)
    text = "12 samples of"
    assert view_of(run).cautions[0].startswith(text)
    assert any(line.startswith(f"caution: {text}") for line in diagnosis_lines(read_trace(run)))
    assert f"caution: {text}" in drawn(events)
    write_report([run], tmp_path / "page.html")
    header = (tmp_path / "page.html").read_text().split("</header>")[0]
    assert f"Caution: {text}" in header
    probe = of(events, "probe")[-1]
    for difference in probe["stored_minus_generalising_bits"].values():
        assert difference["low"] <= 0 <= difference["high"], "too few samples for any difference"
    assert json.dumps(probe["warnings"]).count("too few to say anything") == 1
