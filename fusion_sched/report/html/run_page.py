"""One run: the sections of its page, in the order in which a reader asks."""

import time
from collections.abc import Iterable

from fusion_sched.report.html.charts import decomposition, heads, robustness, timeline
from fusion_sched.report.html.charts.readings import readings
from fusion_sched.report.html.document import Beside, Block, Fold, Section, Table, Text
from fusion_sched.report.html.provenance import provenance
from fusion_sched.report.view import RunView
from fusion_sched.report.words import (
    accuracy_interval,
    best_single_words,
    chance_words,
    data_words,
    decision_words,
    duration,
    fixed,
    gain_words,
    in_percent,
    method_words,
    sentence_case,
    state_words,
)

MOST_DECISIONS = 6
"""Decisions that are shown without being opened."""


def run_facts(view: RunView) -> dict[str, str]:
    """What a reader must know first."""
    result, best, gain = view.result, best_single_words(view), gain_words(view)
    several = len(view.modalities) > 1
    values = {"fused test accuracy": "not known yet"}
    if result is not None:
        split, accuracy = result.scored
        values = {f"fused {split} accuracy": in_percent(accuracy)}
    shown = {
        "its 95\u00a0% interval": accuracy_interval(view),
        "chance: share of the largest class": chance_words(view),
        "best head of one modality, in this run": best if several else None,
        "fused above it": gain,
        "time": duration(view.seconds) if view.seconds is not None else None,
        "parameters": f"{view.start['parameters']:,}" if "parameters" in view.start else None,
    }
    return values | {name: text for name, text in shown.items() if text is not None}


def run_about(view: RunView) -> str:
    """What the data and the method are; of a run under way also how far it is."""
    under_way = view.result is None
    state = f"{sentence_case(state_words(view, silent_seconds(view)))}." if under_way else None
    return " ".join(filter(None, (data_words(view), method_words(view), state)))


def silent_seconds(view: RunView) -> float:
    """How long ago the trace was last written to."""
    return time.time() - view.path.stat().st_mtime


def run_sections(view: RunView) -> list[Section]:
    """The sections of a run, those that have something to show.

    The schedule is open, the rest folded away.
    """
    chart = timeline.schedule(view) or Text(["The trace holds neither an epoch nor a probe yet."])
    run = [chart, *_beside(timeline.information_charts(view)), *_decision_blocks(view)]
    parts = [
        *_beside([decomposition.decomposition(view), readings(view)]),
        *_present([decomposition.pairs_table(view)]), *_beside(timeline.part_charts(view)),
    ]  # fmt: skip
    use = _beside([robustness.missing(view), robustness.noise(view), robustness.contribution(view)])
    rest = [
        Section("information", "Information decomposed", parts, folded=True),
        Section("heads", "What the heads get right", _head_blocks(view), folded=True),
        Section("robustness", "Robustness", use, folded=True),
        Section("provenance", "Provenance", provenance(view), folded=True),
    ]
    return [Section("run", "The schedule", run), *(s for s in rest if s.blocks)]


def _present(blocks: Iterable[Block | None]) -> list[Block]:
    return [block for block in blocks if block is not None]


def _beside(blocks: Iterable[Block | None]) -> list[Block]:
    known = _present(blocks)
    return [Beside(known)] if len(known) > 1 else known


def _score_table(view: RunView) -> Table | None:
    """Each head's scores; `None` before the end."""
    result = view.result
    if result is None:
        return None
    heads_tested = result.test or result.validation
    columns = {
        "validation": [in_percent(result.validation.get(head)) for head in heads_tested],
        "test": [in_percent(result.test.get(head)) for head in heads_tested],
        "macro-F1": [fixed(result.macro_f1.get(head)) for head in heads_tested],
    }
    errors = {} if result.robustness is None else result.robustness.ece
    if errors:
        columns["calibration error"] = [fixed(errors.get(head)) for head in heads_tested]
    rows = [list(row) for row in zip(heads_tested, *columns.values(), strict=True)]
    caption = (
        f"Scores of epoch {result.selected_epoch + 1}, selected on validation; "
        f"{' and '.join(list(columns)[2:])} on test."
    )
    return Table(["head", *columns], rows, caption)


def _decision_blocks(view: RunView) -> list[Block]:
    """Every decision, folded away where there are many."""
    rows = [
        [str(number), _when(d.number, view), then, d.reason]
        for number, (d, then) in enumerate(
            zip(view.decisions, decision_words(view), strict=True), start=1
        )
    ]
    caption = "Decisions of the controller, numbered as in the chart, after which epoch, and why."
    table = Table(["decision", "after epoch", "then", "reason"], rows, caption, words=(2, 3))
    if len(rows) <= MOST_DECISIONS:
        return [table] if rows else []
    return [Fold("decisions", f"All {len(rows)} decisions and their reasons", [table])]


def _when(number: int, view: RunView) -> str:
    """After which epoch, from 1, a decision comes; one on the whole run comes at its end."""
    if number == 0:
        return "start"
    return "end" if view.result is not None and number > view.trained > 0 else str(number)


def _head_blocks(view: RunView) -> list[Block]:
    matrix = heads.confusion_matrices(view)
    small = len(view.classes) <= heads.MOST_CELL_TEXTS
    blocks = _beside([_score_table(view), heads.quadrants(view), matrix if small else None])
    return blocks if small else _present([*blocks, matrix])
