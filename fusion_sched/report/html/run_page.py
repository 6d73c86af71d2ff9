"""One run: the sections of its page, in the order in which a reader asks."""

import time
from collections.abc import Iterable, Sequence

from fusion_sched.report.html.charts import cost, decomposition, heads, robustness
from fusion_sched.report.html.charts.timeline import timeline
from fusion_sched.report.html.document import Block, Section, Table, Text
from fusion_sched.report.html.provenance import provenance
from fusion_sched.report.story import Story, number
from fusion_sched.report.words import (
    best_alone,
    percent,
    stage_words,
    state_words,
    test_interval,
)
from fusion_sched.types import FUSED

OLDER = "not in this trace (made by an older version of fusion-sched, or without this step)"


def run_facts(story: Story) -> dict[str, str]:
    """Return what a reader must know first."""
    share = accuracy_of(story)
    facts = {"fused test accuracy": "not known yet" if share is None else percent(share)}
    interval = test_interval(story)
    if interval is not None:
        facts["95\u00a0% interval (Wilson)"] = interval
    alone = best_alone(story)
    if alone is not None and len(story.modalities) > 1:
        facts["best single modality"] = alone
    return {
        **facts,
        "state": state_words(story, silent_seconds(story)),
        "dataset": story.dataset,
        "method": story.method,
        "seed": str(story.start["seed"]),
    }


def silent_seconds(story: Story) -> float:
    """Return how long ago the trace was last written to."""
    return time.time() - story.trace.path.stat().st_mtime


def run_sections(story: Story, prefix: str = "") -> list[Section]:
    """Return the sections of a run; ``prefix`` sets their ids apart from those of other runs."""
    made = [
        Section("run", "The run", run_blocks(story)),
        Section("information", "Information decomposed", information_blocks(story)),
        Section("heads", "What the heads get right", head_blocks(story)),
        Section("robustness", "Robustness and calibration", robustness_blocks(story)),
        Section("cost", "Cost", cost_blocks(story)),
        Section("provenance", "Provenance", provenance(story)),
    ]
    return [Section(f"{prefix}{s.id}", s.title, s.blocks) for s in made]


def there(blocks: Iterable[Block | None]) -> list[Block]:
    """Return the blocks that there are."""
    return [block for block in blocks if block is not None]


def run_blocks(story: Story) -> list[Block]:
    """Return the run over its epochs, its decisions and its result."""
    drawn = timeline(story)
    nothing = None if drawn else Text(["The trace holds neither an epoch nor a probe yet."])
    return there([drawn, nothing, result_table(story), decision_table(story)])


def result_table(story: Story) -> Table | None:
    """Return each head's scores; ``None`` before the end."""
    result = story.result
    if result is None:
        return None
    rows = [
        [
            name,
            percent(number(result, "validation", name)),
            percent(number(result, "test", name, "accuracy")),
            f1_words(number(result, "test", name, "macro_f1")),
        ]
        for name in result["test"]
    ]
    best = number(result, "best_on_test", "accuracy")
    gap = number(result, "optimism_gap")
    older = (
        ""
        if best is None or gap is None
        else f" The best epoch on test has {percent(best)}, {100 * gap:+.1f} points: older papers "
        "report that, but it is chosen by the test labels."
    )
    caption = (
        f"Scores of epoch {result['selected_epoch'] + 1}, selected by the fused head's accuracy "
        f"on validation.{older}"
    )
    return Table(["head", "validation", "test", "test macro-F1"], rows, caption)


def f1_words(value: float | None) -> str:
    """Return a macro-F1."""
    return "–" if value is None else f"{value:.3f}"


def decision_table(story: Story) -> Table | None:
    """Return every decision and its reason."""
    if not story.decisions:
        return None
    rows = [
        [
            "start" if d["epoch"] < 0 else str(d["epoch"] + 1),
            stage_words(d["from"]) if "from" in d else "–",
            stage_words(d["to"]),
            d["reason"],
        ]
        for d in story.decisions
    ]
    caption = "Decisions of the controller, after which epoch, and why."
    return Table(["after epoch", "from", "to", "reason"], rows, caption, words=(1, 2, 3))


def information_blocks(story: Story) -> list[Block]:
    """Return the decomposition at the moments that matter."""
    drawn = decomposition.decomposition(story)
    if drawn is None:
        return [Text(["The trace holds no probe: nothing is known about information."])]
    return there([drawn, decomposition.pairs_table(story)])


def head_blocks(story: Story) -> list[Block]:
    """Return who is right, by class and by head."""
    matrices = heads.confusion(story)
    absent: list[str] = []
    if story.result is None:
        absent = ["Confusion and recall on test come with the result."]
    elif matrices is None:
        absent = [f"Confusion and recall on test: {OLDER}."]
    drawn = heads.quadrants(story)
    if drawn is None and len(story.modalities) > 1:
        later = story.result is None and not story.probes
        told = "is known from the first probe on" if later else OLDER
        absent.insert(0, f"Which heads are right on the same samples: {told}.")
    return there(
        [drawn, matrices, heads.recall(story), heads.class_uniqueness(story),
         Text(absent) if absent else None]
    )  # fmt: skip


def robustness_blocks(story: Story) -> list[Block]:
    """Return what is left without a modality or under noise."""
    if story.result is None:
        return [Text(["The selected weights are examined at the end of the run."])]
    if not robustness.examined(story):
        return [Text([f"Robustness, calibration and contributions: {OLDER}."])]
    parts: Sequence[tuple[str, Block | None]] = (
        ("missing modalities", robustness.missing(story)),
        ("noise", robustness.noise(story)),
        ("contributions", robustness.contribution(story)),
        ("calibration", robustness.calibration(story)),
    )
    absent = [name for name, block in parts if block is None]
    told = Text([f"Not in this trace: {', '.join(absent)}."]) if absent else None
    return there([*(block for _, block in parts), told])


def cost_blocks(story: Story) -> list[Block]:
    """Return what the run took."""
    found = there([cost.shares(story), cost.over_epochs(story)])
    return found or [Text(["The trace holds no times yet."])]


def accuracy_of(story: Story) -> float | None:
    """Return the fused test accuracy, ``None`` before the end."""
    return number(story.result, "test", FUSED, "accuracy")
