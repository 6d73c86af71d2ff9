"""One run: every chart shows the trace's own numbers; what a trace lacks is said."""

import json
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from fusion_sched.report.html.document import Beside, Chart, Code, Facts, Table
from fusion_sched.report.html.provenance import provenance
from fusion_sched.report.html.run_page import run_facts, run_sections
from fusion_sched.report.writing import write_report
from tests.report.traces import (
    Events,
    changed,
    charts_of,
    events_of,
    view_of,
    with_second_reading,
    without_intervals,
    words_of,
    write_run,
)

TIMELINE = "Stages, decisions and accuracy over the epochs"
UNIQUE = "Unique information U [bit]"
RECENT = ("confusion", "quadrants", "robustness", "class_unique_bits", "probe_share")


def named(chart: Any, name: str, axis: str = "y2") -> dict[str, Any]:
    (trace,) = [t for t in chart.figure["data"] if t["name"] == name and t.get("yaxis") == axis
                and not t.get("fill")]  # fmt: skip
    line: dict[str, Any] = trace
    return line


def test_the_timeline_holds_the_trace(short_runs: Path) -> None:
    view = view_of(short_runs / "pid0")
    charts = charts_of(run_sections(view))
    chart, more = charts[TIMELINE], charts[UNIQUE]
    accuracy = named(chart, "gray")
    assert list(accuracy["x"]) == [1, 2, 3, 4, 5]
    validation = [e.accuracy for e in view.epochs]
    assert accuracy["y"] == pytest.approx([100 * v["gray"] for v in validation])
    fused = named(chart, "fused")["y"]
    assert [value is None for value in fused] == ["fused" not in v for v in validation]
    unique = named(more, "gray", "y")
    assert unique["x"][0] == 0, "the untrained state"
    probes = [e for e in events_of(short_runs / "pid0") if e["event"] == "probe"]
    written = [p["unique_bits"]["gray"] for p in probes]
    assert unique["y"] == [estimate["value"] for estimate in written]
    assert unique["customdata"] == [[estimate["low"], estimate["high"]] for estimate in written]
    (ribbon,) = [t for t in more.figure["data"]
                 if t["name"] == "gray" and t.get("fill") and t["yaxis"] == "y"]  # fmt: skip
    assert len(ribbon["x"]) == 2 * len(unique["x"])
    assert {UNIQUE, "Redundancy R [bit]", "Synergy S [bit]", "Training loss [nat]"} <= set(charts)


def test_lines_are_named_at_their_ends(short_runs: Path) -> None:
    chart = charts_of(run_sections(view_of(short_runs / "pid0")))[TIMELINE]
    labels = [a for a in chart.figure["layout"]["annotations"] if a["xanchor"] == "left"
              and a["x"] == 1]  # fmt: skip
    assert [label["text"] for label in labels] == ["gray", "colored", "fused"]
    assert [label["font"]["color"] for label in labels] == ["@1", "@2", "@ink"]
    pixels = sorted(label["y"] for label in labels)
    assert min(b - a for a, b in pairwise(pixels)) > 0


def test_both_readings_are_beside_each_other_on_one_scale(short_runs: Path, tmp_path: Path) -> None:
    events = changed(events_of(short_runs / "pid0"), with_second_reading)
    sections = run_sections(view_of(write_run(tmp_path / "run", events)))
    (row,) = [block for block in sections[0].blocks if isinstance(block, Beside)]
    shown = [block for block in row.blocks if isinstance(block, Chart)][:2]
    names = [chart.name for chart in shown]
    assert names == ["Stored information I(X; Y) [bit]", "Generalising information I(X; Y) [bit]"]
    scales = [chart.figure["layout"]["yaxis"]["range"] for chart in shown]
    assert scales[0] == scales[1]


def test_decisions_can_be_read_with_and_without_a_pointer(short_runs: Path) -> None:
    view = view_of(short_runs / "pid0")
    sections = run_sections(view)
    tables = [b for b in sections[0].blocks if isinstance(b, Table)]
    (table,) = [t for t in tables if t.header[0] == "decision"]
    assert [row[3] for row in table.rows] == [d.reason for d in view.decisions]
    (marks,) = [t for t in charts_of(sections)[TIMELINE].figure["data"] if t["name"] == "decision"]
    hovered = " ".join(marks["hovertext"]).replace("<br>", " ")
    assert marks["text"][0][0] == table.rows[0][0] == "1"
    for d in view.decisions:
        assert d.reason.split(" (")[0] in hovered


def test_a_decision_on_the_whole_run_comes_at_its_end(short_runs: Path, tmp_path: Path) -> None:
    events = events_of(short_runs / "pid0")
    last = next(e for e in reversed(events) if e["event"] == "decision")
    trained = sum(e["event"] == "epoch" for e in events)
    chosen = {**last, "epoch": trained, "from": last["to"], "restored": True}
    chosen["controller"] = {**chosen["controller"], "peak_epoch": 0}
    view = view_of(write_run(tmp_path / "run", [*events[:-1], chosen, events[-1]]))
    sections = run_sections(view)
    tables = [b for b in sections[0].blocks if isinstance(b, Table)]
    assert tables[-1].rows[-1][1] == "end"
    data = charts_of(sections)[TIMELINE].figure["data"]
    (marks,) = [t for t in data if t["name"] == "decision"]
    assert max(marks["x"]) == trained + 0.5


def test_test_scores_and_their_interval_come_first(short_runs: Path) -> None:
    view = view_of(short_runs / "joint1")
    assert view.result is not None
    facts = run_facts(view)
    assert next(iter(facts)) == "fused test accuracy"
    assert facts["fused test accuracy"] == f"{100 * view.result.accuracy:.1f}\u00a0%"
    assert facts["its 95\u00a0% interval"].endswith("\u00a0%")
    gain = facts["fused above it"]
    best = max(view.result.test[m] for m in view.modalities)
    assert gain.startswith(f"{100 * (view.result.accuracy - best):+.1f} points (")


def test_matrices_worst_class_and_chance_are_those_of_the_result(short_runs: Path) -> None:
    view = view_of(short_runs / "pid0")
    assert view.result is not None
    charts = charts_of(run_sections(view))
    matrices = charts["Confusion on test"].figure["data"]
    assert [t["meta"]["choice"] for t in matrices] == ["fused head", "gray head", "colored head"]
    assert matrices[0]["sparse"]["cells"] == view.result.confusion["fused"]
    counts: dict[int, list[int]] = {}
    for true, predicted, samples in matrices[0]["sparse"]["cells"]:
        counts.setdefault(true, [0, 0])
        counts[true][0] += samples * (predicted == true)
        counts[true][1] += samples
    least = min(right / of for right, of in counts.values())
    assert f"{100 * least:.1f}\u00a0% right" in charts["Confusion on test"].summary
    largest = max(of for _, of in counts.values()) / sum(of for _, of in counts.values())
    chance = run_facts(view)["chance: share of the largest class"]
    assert chance == f"{100 * largest:.1f}\u00a0%"


def without(*keys: str) -> Callable[[Events], Events]:
    def drop(event: dict[str, Any]) -> None:
        for key in keys:
            event.pop(key, None)

    return lambda events: changed(events, drop)


def one_modality(events: Events) -> Events:
    def only_gray(event: dict[str, Any]) -> None:
        for key in ("unique_bits", "log_ratio", "redundancy_bits", "synergy_bits", "quadrants",
                    "robustness", "confusion", "class_unique_bits"):  # fmt: skip
            event.pop(key, None)
        for inner in ("modalities", "mi_bits", "ecs", "loss", "test"):
            event.get(inner, {}).pop("colored", None)
        event.get("accuracy", {}).get("validation", {}).pop("colored", None)

    return changed(events, only_gray)


def many_classes(events: Events) -> Events:
    def grow(event: dict[str, Any]) -> None:
        if event["event"] == "start":
            event["classes"] = [f"class {i}" for i in range(150)]
        if "class_unique_bits" in event:
            event["class_unique_bits"] = {"gray": {str(i): i / 150 for i in range(150)}}
        if "confusion" in event:
            event["confusion"] = {"fused": [[i, (7 * i) % 150, 1 + i % 3] for i in range(150)]}

    return changed(events, grow)


@pytest.mark.parametrize(
    ("change", "told", "charts"),
    [
        (lambda events: events[:1], "neither an epoch nor a probe yet", 0),
        (lambda events: [e for e in events if e["event"] != "probe"], "", 7),
        (lambda events: events[:6], "", 8),
        (without(*RECENT), "", 7),
        (lambda events: changed(without("seconds")(events), without_intervals), "", 12),
        (one_modality, "", 4),
        (many_classes, "", 12),
    ],
    ids=["start only", "no probe", "under way", "older", "no intervals", "one modality", "150"],
)
def test_a_page_is_made_of_whatever_there_is(
    short_runs: Path, tmp_path: Path, change: Callable[[Events], Events], told: str, charts: int
) -> None:
    events = change(events_of(short_runs / "pid0"))
    view = view_of(write_run(tmp_path / "run", events))
    sections = run_sections(view)
    assert told in words_of(sections)
    assert len(charts_of(sections)) == charts
    assert write_report([tmp_path / "run"], tmp_path / "page.html") == []
    assert "NaN" not in (tmp_path / "page.html").read_text("utf-8").split('id="plotly"')[0]


def with_robustness(events: Events, **change: Any) -> Events:
    def swap(event: dict[str, Any]) -> None:
        if "robustness" in event:
            event["robustness"] |= change

    return changed(events, swap)


NOISE = {"gray": {"kind": "gaussian", "accuracy": {}}, "nobody": {"kind": "tokens"},
         "colored": {"kind": "gaussian", "accuracy": {"1": 0.5, "2": None}}}  # fmt: skip


@pytest.mark.parametrize(
    ("odd", "gone"),
    [
        ({"noise": NOISE}, ""),
        ({"noise": {"gray": NOISE["gray"]}}, "Noise in one modality"),
        ({"noise": None}, "Noise in one modality"),
        ({"missing_mean": {"gray": None, "colored": 0.5}}, ""),
        ({"missing_mean": None, "missing_zeros": {"gray": "?"}}, "A modality is missing"),
        ({"calibration": {"ece": {"gray": None, "fused": 0.1}, "brier": None}}, ""),
        ({"calibration": {"ece": None}}, ""),
        ({"contribution": {"shapley": {"gray": None, "colored": 0.1}, "coalitions": None}}, ""),
        ({"contribution": None}, "Contribution of each modality"),
    ],
    ids=str,
)
def test_odd_numbers_of_robustness_are_left_out(
    short_runs: Path, tmp_path: Path, odd: dict[str, Any], gone: str
) -> None:
    whole = charts_of(run_sections(view_of(short_runs / "pid0")))
    events = with_robustness(events_of(short_runs / "pid0"), **odd)
    found = charts_of(run_sections(view_of(write_run(tmp_path / "run", events))))
    assert set(whole) - set(found) == ({gone} if gone else set())


@pytest.mark.parametrize("key", ["quadrants", "class_unique_bits", "unique_bits", "confusion"])
@pytest.mark.parametrize("odd", [None, {}, "?"], ids=str)
def test_what_is_no_number_is_left_out(
    short_runs: Path, tmp_path: Path, key: str, odd: object
) -> None:
    for spoil in (lambda old: dict.fromkeys(old, odd), lambda old: odd):

        def swap(event: dict[str, Any], spoil: Callable[[Any], Any] = spoil) -> None:
            if key in event:
                event[key] = spoil(event[key])

        events = changed(events_of(short_runs / "pid0"), swap)
        charts = charts_of(run_sections(view_of(write_run(tmp_path / "run", events))))
        assert TIMELINE in charts
        shown = json.dumps([chart.figure for chart in charts.values()])
        assert '"?"' not in shown


def test_a_curve_of_noise_has_the_levels_with_a_number(short_runs: Path, tmp_path: Path) -> None:
    events = with_robustness(events_of(short_runs / "pid0"), noise=NOISE)
    chart = charts_of(run_sections(view_of(write_run(tmp_path / "run", events))))
    (trace,) = chart["Noise in one modality"].figure["data"]
    assert (trace["name"], trace["x"], trace["y"][1:]) == ("colored", [0, 1], [50])


def test_of_three_modalities_redundancy_and_synergy_are_means(
    short_runs: Path, tmp_path: Path
) -> None:
    def grow(event: dict[str, Any]) -> None:
        for key in ("modalities", "mi_bits", "unique_bits"):
            if key in event:
                event[key]["third"] = event[key]["gray"]

    events = changed(events_of(short_runs / "pid0"), grow)
    charts = charts_of(run_sections(view_of(write_run(tmp_path / "run", events))))
    parts = charts["Decomposition"]
    assert parts.numbers is not None
    rows = [row[0] for row in parts.numbers.rows]
    assert {"redundancy (mean)", "synergy (mean)"} < set(rows)
    for name in ("redundancy", "synergy"):
        chart = next(chart for title, chart in charts.items() if title.lower().startswith(name))
        assert f"{name} (mean)" in {t["name"] for t in chart.figure["data"]}


def test_the_command_is_quoted_for_a_shell(short_runs: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", events_of(short_runs / "pid0"))
    words = ["seed=3", "+tags=[a, 'b c']", "dataset.root=/data/my $HOME"]
    (run / ".hydra").mkdir()
    (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    code = provenance(view_of(run))[0]
    assert isinstance(code, Code)
    assert shlex.split(code.text) == ["fusion-sched", "train", *words]


@pytest.mark.parametrize("content", ["a: b\n", "{", "\x00"], ids=["no list", "broken", "binary"])
def test_or_it_is_said_that_it_is_not_known(short_runs: Path, tmp_path: Path, content: str) -> None:
    run = write_run(tmp_path / "run", events_of(short_runs / "pid0"))
    (run / ".hydra").mkdir()
    (run / ".hydra" / "overrides.yaml").write_text(content, encoding="utf-8")
    assert "The command is not known" in words_of(run_sections(view_of(run)))


def test_the_configuration_is_whole(short_runs: Path) -> None:
    view = view_of(short_runs / "pid0")
    (code,) = [b for b in provenance(view) if isinstance(b, Code)]
    assert yaml.safe_load(code.text) == view.config


def test_the_planted_decomposition_is_drawn_and_said(short_runs: Path, tmp_path: Path) -> None:
    def plant(event: dict[str, Any]) -> None:
        if event["event"] == "start":
            event["facts"] = {"exact_pid": {
                "unique_bits": {"gray": 0.5, "colored": 0.25}, "redundancy_bits": 1.0,
            }}  # fmt: skip

    view = view_of(write_run(tmp_path / "run", changed(events_of(short_runs / "pid0"), plant)))
    chart = charts_of(run_sections(view))["Decomposition"]
    (planted,) = [t for t in chart.figure["data"] if t["name"] == "planted"]
    assert planted["x"] == [0.5, 0.5, None, 0.25, 0.25, None, 1.0, 1.0, None]
    facts = next(block for block in provenance(view) if isinstance(block, Facts))
    assert facts.values["exact pid"] == "unique bits (gray 0.5, colored 0.25), redundancy bits 1.0"


def test_what_lies_between_two_diagnoses_far_apart_is_no_line(
    short_runs: Path, tmp_path: Path
) -> None:
    events = events_of(short_runs / "pid0")
    ends = [e for e in events if e["event"] == "probe"][:: len(events)]
    last = [e for e in events if e["event"] == "probe"][-1]
    few = [e for e in events if e["event"] != "probe" or e in (ends[0], last)]
    chart = charts_of(run_sections(view_of(write_run(tmp_path / "run", few))))[UNIQUE]
    assert not [t for t in chart.figure["data"] if t.get("fill")], "no ribbon"
    line = named(chart, "gray", "y")
    assert (line["line"]["dash"], line["mode"]) == ("dot", "lines+markers")
    assert len(line["error_y"]["array"]) == 2


def test_no_interval_is_drawn_beyond_what_there_is_to_know(
    short_runs: Path, tmp_path: Path
) -> None:
    def widen(event: dict[str, Any]) -> None:
        for estimate in event.get("mi_bits", {}).values():
            estimate |= {"low": -1.0, "high": 9.0}

    view = view_of(write_run(tmp_path / "run", changed(events_of(short_runs / "pid0"), widen)))
    chart = charts_of(run_sections(view))["Information I(X; Y) [bit]"]
    (ribbon,) = [t for t in chart.figure["data"] if t["name"] == "gray" and t.get("fill")]
    entropy = view.probes[0].diagnosis.label_entropy
    assert (min(ribbon["y"]), max(ribbon["y"])) == (0.0, pytest.approx(entropy))
