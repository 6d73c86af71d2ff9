"""Sentences about a run, made from its numbers: for readers in a hurry, and for screen readers."""

from collections import Counter
from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

from fusion_sched.analysis.choices import description_of_choice
from fusion_sched.report.panels import seconds_by_purpose
from fusion_sched.report.view import RunView, epoch_words
from fusion_sched.runtime.text import signed
from fusion_sched.types import Estimate, Stage

NOTHING = "–"
NORMAL_95 = 1.959964
"""Standard deviations from the mean of a normal distribution to the ends of its middle 95 %."""
INTERVALS = (
    "Intervals: 95\u00a0%, of the draw of test samples, not of the seed (Wilson; of the difference "
    "Newcombe, who takes both heads' samples as independent)."
)
ALL_RIGHT, SOME_RIGHT, NONE_RIGHT = "all", "some", "none"


def in_percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f}\u00a0%"


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals, a dash where there is none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def estimate_words(estimate: Estimate | None, digits: int = 3) -> str:
    if estimate is None or estimate.low is None:
        return fixed(None if estimate is None else estimate.value, digits)
    ends = f"[{fixed(estimate.low, digits)}, {fixed(estimate.high, digits)}]"
    return f"{fixed(estimate.value, digits)} {ends}"


def duration(seconds: float) -> str:
    """Seconds in the unit that fits."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def enumeration(names: Sequence[str]) -> str:
    """Names as a sentence holds them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sentence_case(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def stage_words(stage: Stage) -> str:
    """A stage as the page calls it."""
    if not stage.active:
        return "heads as they are, nothing trains"
    active = enumeration(stage.active)
    if stage.joint:
        return f"joint training of {active}"
    return f"{active}, each alone" if len(stage.active) > 1 else f"{active} alone"


def decision_words(view: RunView) -> list[str]:
    """What each decision led to; the last one, where something was deployed by it, to that."""
    words = [stage_words(decision.stage) for decision in view.decisions]
    return words if view.deployed is None else [*words[:-1], f"{view.deployed} is deployed"]


class Proportion(NamedTuple):
    """A share of test samples with its 95 % interval (Wilson, 1927), which lies within 0 to 1."""

    share: float
    low: float
    high: float


def wilson(share: float, samples: int) -> Proportion:
    centre = (share + NORMAL_95**2 / (2 * samples)) / (1 + NORMAL_95**2 / samples)
    variance = share * (1 - share) / samples + NORMAL_95**2 / (4 * samples**2)
    half = NORMAL_95 * variance**0.5 / (1 + NORMAL_95**2 / samples)
    return Proportion(share, centre - half, centre + half)


def _test_samples(view: RunView) -> int:
    """How many there are, 0 where that is not known."""
    samples = view.split_sizes.get("test")
    return samples if isinstance(samples, int) else 0


def _interval_ends(share: float, view: RunView) -> str | None:
    """The interval of a share of test samples, `None` where their number is not known."""
    samples = _test_samples(view)
    if not samples:
        return None
    interval = wilson(share, samples)
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}\u00a0%"


def accuracy_interval(view: RunView) -> str | None:
    """The interval of the fused test accuracy, `None` where it is not known."""
    accuracy = None if view.result is None else view.result.accuracy
    return None if accuracy is None else _interval_ends(accuracy, view)


def chance_words(view: RunView) -> str | None:
    """The share of the largest class on test, which a constant answer reaches."""
    confusion = {} if view.result is None else view.result.confusion
    counts: Counter[int] = Counter()
    for true, _, samples in next(iter(confusion.values()), ()):
        counts[true] += samples
    return in_percent(max(counts.values()) / counts.total()) if counts else None


def data_words(view: RunView) -> str:
    """What the data are: classes, modalities, samples of each split."""
    sizes = {name: n for name, n in view.split_sizes.items() if isinstance(n, int)}
    text = f"{view.dataset}: {len(view.classes)} classes; modalities {enumeration(view.modalities)}"
    if not sizes:
        return f"{text}."
    parts = ", ".join(f"{name} {count:,}" for name, count in sizes.items())
    return f"{text}; {sum(sizes.values()):,} samples ({parts})."


def method_words(view: RunView) -> str | None:
    """What the method or controller is, as its yaml says; `None` for one's own."""
    description = description_of_choice("method", view.method)
    description = description or description_of_choice("controller", view.controller)
    return None if description is None else f"{sentence_case(view.method)}: {description}."


def diagnosed_samples(view: RunView) -> str:
    """Which samples the main diagnosis is about."""
    names = {"train": "training samples", "validation": "validation samples",
             "held_out": "samples held out of training"}  # fmt: skip
    return names.get(view.probe_source or "", "diagnosed samples")


def gain_words(view: RunView) -> str | None:
    """How far fused is above the best modality by itself, with an interval; `None` if not known.

    The interval is that of Newcombe (1998, "Interval estimation for the difference between
    independent proportions", method 10). Both heads answer the same samples, of which the trace
    holds no pairs, so that it is wider than one of pairs would be.
    """
    best, samples = best_single(view), _test_samples(view)
    accuracy = None if view.result is None else view.result.accuracy
    if best is None or accuracy is None or len(view.modalities) < 2:
        return None
    gap = 100 * (accuracy - best[1])
    if not samples:
        return f"{signed(gap)} points"
    fused, single = wilson(accuracy, samples), wilson(best[1], samples)
    below = 100 * hypot(fused.share - fused.low, single.high - single.share)
    above = 100 * hypot(fused.high - fused.share, single.share - single.low)
    return f"{signed(gap)} points ({signed(gap - below)} to {signed(gap + above)})"


def best_single(view: RunView) -> tuple[str, float] | None:
    """The modality whose own head is best on test, and its accuracy."""
    test = {} if view.result is None else view.result.test
    known = {m: test[m] for m in view.modalities if m in test}
    return max(known.items(), key=lambda item: item[1]) if known else None


def best_single_words(view: RunView) -> str | None:
    best = best_single(view)
    if best is None:
        return None
    ends = _interval_ends(best[1], view)
    return f"{best[0]}, {in_percent(best[1])}{f' ({ends})' if ends else ''}"


def state_words(view: RunView, silent_seconds: float) -> str:
    """Whether the run has ended, and how far it is; `silent_seconds` since it wrote."""
    if view.result is not None:
        return f"ended after {view.trained} epochs"
    most = "" if view.most_epochs is None else f" of at most {view.most_epochs}"
    return f"not ended: epoch {view.trained}{most}; last event {ago(silent_seconds)}"


def ago(seconds: float) -> str:
    """How long before the page was written, in one unit."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // size)
        if count > 0:
            return f"{count} {unit}{'s' * (count > 1)} before this page was written"
    return "just before this page was written"


def headline(view: RunView) -> str:
    """What was decided, and why."""
    sentences = []
    if view.result is not None and view.result.accuracy is None:
        sentences.append("The run has no test split.")
    sentences.append(hand_over_words(view))
    number = view.main_decision
    if number is not None:
        reason = view.decisions[number - 1].reason.rstrip(".")
        sentences.append(f"Why (decision {number}): {reason}.")
    if view.deployed is not None:
        sentences.append(f"Deployed: {view.deployed}.")
    return " ".join(sentences)


def hand_over_words(view: RunView) -> str:
    epoch = view.hand_over_epoch
    if epoch is None:
        return "Joint training has not begun."
    if view.hand_over is None:
        return "Training was joint from the first epoch."
    if not view.hand_over.stage.active:
        ended = epoch_words(view.hand_over.epoch)
        return f"Stage 1 ended after {ended}; nothing was trained jointly."
    after = f"Joint training began after {epoch_words(view.hand_over.epoch)}"
    if view.hand_over.restored_epoch is not None:
        return f"{after}, from the weights of {epoch_words(epoch)}."
    return f"{after}."


def outcome_words(views: Sequence[RunView]) -> str:
    """How many runs of a row ended stage 1 in which way, and the reason of the first one."""
    counts = Counter(map(_outcome, views))
    parts = [
        f"{outcome} in {count} of {len(views)} runs" for outcome, count in counts.most_common()
    ]
    first = next((view for view in views if view.main_decision is not None), None)
    if first is None or first.main_decision is None:
        return f"{enumeration(parts)}."
    reason = first.decisions[first.main_decision - 1].reason.rstrip(".")
    return f"{enumeration(parts)}. Why, with seed {first.seed}: {reason}."


def _outcome(view: RunView) -> str:
    if view.hand_over_epoch is None:
        return "joint training had not begun"
    if view.hand_over is None:
        return "joint from the first epoch"
    joint = bool(view.hand_over.stage.active)
    return "joint training after stage 1" if joint else "no joint training"


def timeline_summary(view: RunView) -> str:
    if not view.probes:
        return "The trace holds no probe, so nothing about information is shown."
    circles = "Circles: decisions, numbered as in the table below."
    if view.result is None:
        return circles
    return f"{circles} Ring: epoch {view.result.selected_epoch + 1}, selected on validation."


def quadrant_words(name: str) -> str:
    names = {ALL_RIGHT: "all heads right", SOME_RIGHT: "several but not all right",
             NONE_RIGHT: "no head right"}  # fmt: skip
    return names.get(name, f"{name} right")


def cost_words(view: RunView) -> str:
    """The time of the run, by purpose; empty where it is not known."""
    seconds = seconds_by_purpose(view)
    parts = ", ".join(f"{purpose} {duration(value)}" for purpose, value in seconds.items())
    return f"{duration(sum(seconds.values()))}: {parts}" if sum(seconds.values()) else ""
