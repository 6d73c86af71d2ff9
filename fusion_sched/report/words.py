"""Sentences about a run, made from its numbers: for readers in a hurry, and for screen readers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import hypot
from typing import NamedTuple

from fusion_sched.report.panels import shared_name
from fusion_sched.report.records import ProbeRecord
from fusion_sched.report.view import Moment, RunView, epoch_words
from fusion_sched.runtime.text import signed
from fusion_sched.types import FUSED, Diagnosis, Estimate, Stage

NOTHING = "–"
NORMAL_95 = 1.959964
"""Standard deviations from the mean of a normal distribution to the ends of its middle 95 %."""
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


def accuracy_interval(view: RunView) -> str | None:
    """The interval of the fused test accuracy, `None` where it is not known."""
    samples = _test_samples(view)
    accuracy = None if view.result is None else view.result.accuracy
    if accuracy is None or not samples:
        return None
    interval = wilson(accuracy, samples)
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}\u00a0%, {samples:,} samples"


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
    return None if best is None else f"{best[0]}, {in_percent(best[1])}"


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
    if view.result is None:
        sentences.append("No result yet.")
    elif view.result.accuracy is None:
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
    return f"{after}, from weights that were kept." if view.hand_over.restored else f"{after}."


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
    sentences = []
    if view.epochs:
        accuracy = view.epochs[-1].accuracy
        reached = [f"{h} {in_percent(accuracy[h])}" for h in view.heads if h in accuracy]
        sentences.append(
            f"After epoch {view.trained} validation accuracy is {enumeration(reached)}."
            if reached else f"{view.trained} epochs were trained."
        )  # fmt: skip
    if view.result is not None:
        sentences.append(
            f"Epoch {view.result.selected_epoch + 1} was selected, with "
            f"{in_percent(view.result.validation[FUSED])} on validation."
        )
    if not view.probes:
        sentences.append("The trace holds no probe, so nothing about information is shown.")
    return " ".join(sentences)


def decomposition_summary(moments: Sequence[Moment]) -> str:
    return " ".join(
        f"{sentence_case(m.name)}: {decomposition_words(m.probe.diagnosis)}." for m in moments
    )


def decomposition_words(diagnosis: Diagnosis) -> str:
    """The parts of one diagnosis, in bits."""
    count = len(diagnosis.mi)
    parts = [
        f"{shared_name(name, count)} {fixed(estimate.value, 2)}"
        for name, estimate in (("redundancy", diagnosis.redundancy), ("synergy", diagnosis.synergy))
        if estimate is not None
    ]
    parts += [f"unique to {m} {fixed(e.value, 2)}" for m, e in diagnosis.unique.items()]
    if not parts:
        return "nothing decomposed"
    total = fixed(diagnosis.joint_mi.value, 2)
    # Of more than two, each is held against the rest: these parts have no sum.
    together = f"; all together tell {total} bit" if count > 2 else f", of {total} bit in all"
    return f"{enumeration(parts)} bit{together}"


def quadrant_words(name: str) -> str:
    names = {ALL_RIGHT: "all heads right", SOME_RIGHT: "several but not all right",
             NONE_RIGHT: "no head right"}  # fmt: skip
    return names.get(name, f"{name} right")


def quadrants_summary(view: RunView) -> str:
    """How often heads agree, in the last probe and on test."""
    sentences = []
    last: ProbeRecord | None = view.probes[-1] if view.probes else None
    if last is not None and last.diagnosis.quadrants:
        where = f", samples of source {view.probe_source}" if view.probe_source else ""
        shares = _quadrant_shares(last.diagnosis.quadrants)
        sentences.append(f"Last probe ({epoch_words(last.epoch)}{where}): {shares}.")
    if view.result is not None and view.result.quadrants:
        sentences.append(f"On test: {_quadrant_shares(view.result.quadrants)}.")
    return " ".join(sentences)


def _quadrant_shares(quadrants: Mapping[str, float]) -> str:
    return enumeration([f"{quadrant_words(n)} {in_percent(v)}" for n, v in quadrants.items()])


def cost_words(view: RunView) -> str:
    result = view.result
    if result is None or "total" not in result.seconds:
        return "Not known." if view.seconds is None else f"{duration(view.seconds)} so far."
    share = result.probe_share
    probing = "" if share is None else f", {in_percent(share)} of it for diagnoses"
    return f"{duration(result.seconds['total'])} in all{probing}."
