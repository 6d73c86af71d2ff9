"""One run: the sections of its page, in the order in which a reader asks."""

import time
from collections.abc import Iterable
from dataclasses import replace

from fusion_sched.report.html.charts import cost, decomposition, heads, robustness, timeline
from fusion_sched.report.html.charts.readings import readings
from fusion_sched.report.html.document import Beside, Block, Fold, Section, Table, Text
from fusion_sched.report.html.provenance import provenance
from fusion_sched.report.view import RunView
from fusion_sched.report.words import (
    NOTHING,
    accuracy_interval,
    best_single_words,
    fixed,
    gain_words,
    in_percent,
    stage_words,
    state_words,
)
from fusion_sched.runtime.text import signed

MOST_DECISIONS = 6
"""Decisions that are shown without being opened."""
OLDER = "not in this trace (made by an older version of fusion-sched, or without this step)"


def run_facts(view: RunView) -> dict[str, str]:
    """What a reader must know first."""
    result, interval, best = view.result, accuracy_interval(view), best_single_words(view)
    facts = {"fused test accuracy": "not known yet"}
    if result is not None:
        split, accuracy = result.scored
        facts = {f"fused {split} accuracy": in_percent(accuracy)}
    if interval is not None:
        facts["95\u00a0% interval (Wilson)"] = interval
    if best is not None and len(view.modalities) > 1:
        facts["best single modality"] = best
    gain = gain_words(view)
    if gain is not None:
        facts["fused above it (95\u00a0% interval, Newcombe)"] = gain
    return {**facts, "state": state_words(view, silent_seconds(view))}


def silent_seconds(view: RunView) -> float:
    """How long ago the trace was last written to."""
    return time.time() - view.path.stat().st_mtime


def run_sections(view: RunView, prefix: str = "") -> list[Section]:
    """The sections of a run; `prefix` sets their ids apart from those of other runs.

    The schedule is open, the rest folded away.
    """
    chart = timeline.schedule(view) or Text(["The trace holds neither an epoch nor a probe yet."])
    information = timeline.information_charts(view)
    beside = Beside(information) if len(information) > 1 else next(iter(information), None)
    parts = _present([
        decomposition.decomposition(view), readings(view), decomposition.pairs_table(view),
        timeline.remaining_quantities(view),
    ])  # fmt: skip
    if not view.probes:
        parts.append(Text(["The trace holds no probe: nothing is known about information."]))
    costs = _present([cost.time_shares(view), cost.epoch_costs(view)])
    run = _present([chart, beside, *_decision_blocks(view, prefix)])
    rest = [
        Section("information", "Information decomposed", parts),
        Section("heads", "What the heads get right", _present([_score_table(view)])
                + _head_blocks(view)),
        Section("robustness", "Robustness and calibration", _robustness_blocks(view)),
        Section("cost", "Cost", costs or [Text(["The trace holds no times yet."])]),
        Section("provenance", "Provenance", provenance(view)),
    ]  # fmt: skip
    sections = [Section("run", "The schedule", run), *(replace(s, folded=True) for s in rest)]
    return [replace(s, id=f"{prefix}{s.id}") for s in sections]


def _present(blocks: Iterable[Block | None]) -> list[Block]:
    return [block for block in blocks if block is not None]


def _score_table(view: RunView) -> Table | None:
    """Each head's scores; `None` before the end."""
    result = view.result
    if result is None:
        return None
    rows = [
        [
            head,
            in_percent(result.validation.get(head)),
            in_percent(result.test.get(head)),
            fixed(result.macro_f1.get(head)),
        ]
        for head in result.test or result.validation
    ]
    best, gap = result.best_on_test, result.optimism_gap
    older = (
        ""
        if best is None or gap is None
        else f" The best epoch on test has {in_percent(best)}, {signed(100 * gap)} points: older "
        "papers report that, but it is chosen by the test labels."
    )
    caption = (
        f"Scores of epoch {result.selected_epoch + 1}, selected by the fused head's accuracy "
        f"on validation.{older}"
    )
    return Table(["head", "validation", "test", "test macro-F1"], rows, caption)


def _decision_blocks(view: RunView, prefix: str) -> list[Block]:
    """Every decision, folded away where there are many."""
    rows = [
        [
            str(number),
            _when(d.number, view),
            NOTHING if d.before is None else stage_words(d.before),
            stage_words(d.stage),
            d.reason,
        ]
        for number, d in enumerate(view.decisions, start=1)
    ]
    caption = "Decisions of the controller, numbered as in the chart, after which epoch, and why."
    header = ["decision", "after epoch", "from", "to", "reason"]
    table = Table(header, rows, caption, words=(2, 3, 4))
    if len(rows) <= MOST_DECISIONS:
        return [table] if rows else []
    return [Fold(f"{prefix}decisions", f"All {len(rows)} decisions and their reasons", [table])]


def _when(number: int, view: RunView) -> str:
    """After which epoch, from 1, a decision comes; one on the whole run comes at its end."""
    if number == 0:
        return "start"
    return "end" if view.result is not None and number > view.trained > 0 else str(number)


def _head_blocks(view: RunView) -> list[Block]:
    matrices, quadrants = heads.confusion_matrices(view), heads.quadrants(view)
    absent: list[str] = []
    if quadrants is None and len(view.modalities) > 1:
        later = view.result is None and not view.probes
        when = "is known from the first probe on" if later else OLDER
        absent.append(f"Which heads are right on the same samples: {when}.")
    if view.result is None:
        absent.append("Confusion and recall on test come with the result.")
    elif matrices is None:
        absent.append(f"Confusion and recall on test: {OLDER}.")
    return _present(
        [quadrants, matrices, heads.recall(view), heads.uniqueness_by_class(view),
         Text(absent) if absent else None]
    )  # fmt: skip


def _robustness_blocks(view: RunView) -> list[Block]:
    if view.result is None:
        return [Text(["The selected weights are examined at the end of the run."])]
    if view.result.robustness is None:
        return [Text([f"Robustness, calibration and contributions: {OLDER}."])]
    charts = {
        "missing modalities": robustness.missing(view),
        "noise": robustness.noise(view),
        "contributions": robustness.contribution(view),
        "calibration": robustness.calibration(view),
    }
    absent = [name for name, chart in charts.items() if chart is None]
    note = Text([f"Not in this trace: {', '.join(absent)}."]) if absent else None
    return _present([*charts.values(), note])
