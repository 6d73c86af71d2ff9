"""Sentences about a run, made from its numbers: for readers in a hurry, and for screen readers."""

from collections.abc import Mapping, Sequence
from math import sqrt

from fusion_sched.report.story import (
    Event,
    Moment,
    Story,
    estimate,
    number,
    numbers,
    shared_name,
    told_epoch,
)
from fusion_sched.runlog import inside
from fusion_sched.types import FUSED

Z_95 = 1.959964
NOTHING = "–"
ALL_RIGHT, SOME_RIGHT, NONE_RIGHT = "all", "some", "none"


def wilson(right: int, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was ``right`` of ``samples`` (Wilson, 1927)."""
    share, z2 = right / samples, Z_95**2
    centre = (share + z2 / (2 * samples)) / (1 + z2 / samples)
    half = Z_95 * sqrt(share * (1 - share) / samples + z2 / (4 * samples**2)) / (1 + z2 / samples)
    return centre - half, centre + half


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if share is None else f"{100 * share:.1f}\u00a0%"


def bits(value: float | None, digits: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Return seconds in the unit that fits."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence holds them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def stage_words(stage: Event) -> str:
    """Return a stage as the page calls it."""
    names = [str(name) for name in stage["active"]]
    active = listed(names) if names else "nobody"
    if stage["stage"] == "joint":
        return f"joint training of {active}"
    return f"{active}, each alone" if len(names) > 1 else f"{active} alone"


def test_interval(story: Story) -> str | None:
    """Return the interval of the fused test accuracy, ``None`` where it is not known."""
    share = number(story.result, "test", FUSED, "accuracy")
    samples = story.test_samples
    if share is None or not samples:
        return None
    low, high = wilson(round(share * samples), samples)
    return f"{100 * low:.1f} to {100 * high:.1f}\u00a0%, {samples:,} samples"


def best_single(story: Story) -> tuple[str, float] | None:
    """Return the modality whose own head is best on test, and its accuracy."""
    shares = {m: number(story.result, "test", m, "accuracy") for m in story.modalities}
    known = {m: share for m, share in shares.items() if share is not None}
    return max(known.items(), key=lambda item: item[1]) if known else None


def best_alone(story: Story) -> str | None:
    """Return the best modality and its accuracy in words."""
    found = best_single(story)
    return None if found is None else f"{found[0]}, {percent(found[1])}"


def state_words(story: Story, silent_seconds: float) -> str:
    """Return whether the run has ended, and how far it is; ``silent_seconds`` since it wrote."""
    done = story.epochs[-1]["epoch"] + 1 if story.epochs else 0
    if story.result is not None:
        return f"ended after {done} epochs"
    most = "" if story.longest is None else f" of at most {story.longest}"
    return f"not ended: epoch {done}{most}; last event {ago(silent_seconds)}"


def ago(seconds: float) -> str:
    """Return how long before the page was written, in one unit."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // size)
        if count > 0:
            return f"{count} {unit}{'s' * (count > 1)} before this page was written"
    return "just before this page was written"


def headline(story: Story) -> str:
    """Return the story of the run in a sentence or two."""
    sentences = []
    fused = number(story.result, "test", FUSED, "accuracy")
    alone = best_single(story)
    if fused is not None and alone is not None and len(story.modalities) > 1:
        name, single = alone
        gap = 100 * (fused - single)
        sentences.append(
            f"Fused test accuracy is {abs(gap):.1f} points {'above' if gap >= 0 else 'below'} that "
            f"of the best modality by itself, {name}."
        )
    elif fused is None:
        sentences.append("No result yet.")
    sentences.append(hand_over_words(story))
    return " ".join(sentences)


def hand_over_words(story: Story) -> str:
    """Return what the hand-over is in this run."""
    epoch = story.handed_over_epoch
    if epoch is None:
        return "Joint training has not begun."
    if story.hand_over is None:
        return "Training was joint from the first epoch."
    after = f"Joint training began after {told_epoch(story.hand_over['epoch'])}"
    if story.hand_over.get("restored"):
        return f"{after}, from the weights of {told_epoch(epoch)}."
    return f"{after}."


def timeline_summary(story: Story) -> str:
    """Return what the charts over epochs show."""
    sentences = []
    last = story.epochs[-1] if story.epochs else None
    if last is not None:
        reached = [
            f"{name} {percent(share)}"
            for name in story.heads
            if (share := number(last, "accuracy", "validation", name)) is not None
        ]
        sentences.append(
            f"After epoch {last['epoch'] + 1} validation accuracy is {listed(reached)}."
            if reached else f"{last['epoch'] + 1} epochs were trained."
        )  # fmt: skip
    if story.result is not None:
        chosen = story.result["selected_epoch"] + 1
        validation = percent(story.result["validation"][FUSED])
        sentences.append(f"Epoch {chosen} was selected, with {validation} on validation.")
    sentences.append(hand_over_words(story))
    if story.probes:
        sentences.append("Ribbons are 95\u00a0% intervals.")
    else:
        sentences.append("The trace holds no probe, so nothing about information is shown.")
    return " ".join(sentences)


def decomposition_summary(moments: Sequence[Moment]) -> str:
    """Return the decomposition of each moment."""
    return " ".join(f"{moment.name[:1].upper()}{moment.name[1:]}: {atoms_words(moment.probe)}."
                    for moment in moments)  # fmt: skip


def atoms_words(probe: Event) -> str:
    """Return the parts of one probe, in bits."""
    modalities = len(probe["mi_bits"])
    parts = [
        f"{shared_name(name, modalities)} {bits(found.value, 2)}"
        for name, key in (("redundancy", "redundancy_bits"), ("synergy", "synergy_bits"))
        if (found := estimate(probe, key)) is not None
    ]
    parts += [
        f"unique to {m} {bits(value, 2)}" for m, value in numbers(probe, "unique_bits").items()
    ]
    if not parts:
        return "nothing decomposed"
    total = number(probe, "joint_mi_bits")
    together = "" if total is None else f", of {bits(total, 2)} bit in all"
    if total is not None and modalities > 2:  # each against the rest: these parts have no sum
        together = f"; all together tell {bits(total, 2)} bit"
    return f"{listed(parts)} bit{together}"


def quadrant_words(name: str) -> str:
    """Return whose heads are right, spelt out."""
    known = {ALL_RIGHT: "all heads right", SOME_RIGHT: "several but not all right",
             NONE_RIGHT: "no head right"}  # fmt: skip
    return known.get(name, f"{name} right")


def quadrants_summary(story: Story) -> str:
    """Return how often heads agree, in the last probe and on test."""
    told = []
    tested = numbers(story.result, "quadrants")
    last = story.probes[-1] if story.probes else None
    seen = numbers(last, "quadrants")
    if last is not None and seen:
        source = inside(story.config, "probe", "source")
        where = f", samples of source {source}" if isinstance(source, str) else ""
        when = f"{told_epoch(last['epoch'])}{where}"
        told.append(f"Last probe ({when}): {shares(seen)}.")
    if tested:
        told.append(f"On test: {shares(tested)}.")
    return " ".join(told)


def shares(quadrants: Mapping[str, float]) -> str:
    """Return shares by whose heads are right."""
    return listed([f"{quadrant_words(name)} {percent(v)}" for name, v in quadrants.items()])


def cost_words(story: Story) -> str:
    """Return what the run took."""
    result = story.result
    total = number(result, "seconds", "total")
    if total is None:
        last = story.trace.events[-1].get("time")
        return f"{duration(last)} so far." if isinstance(last, int | float) else "Not known."
    share = number(result, "probe_share")
    probing = "" if share is None else f", {percent(share)} of it for diagnoses"
    return f"{duration(total)} in all{probing}."
