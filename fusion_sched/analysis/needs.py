"""What a trace must hold to be put into a table: older versions wrote less."""

from collections.abc import Iterable

from fusion_sched.runlog import Trace, inside
from fusion_sched.types import FUSED

IN_NAME = (("config", "seed"), ("config", "dataset", "_target_"))
"""What a start event must hold for its run to have a row."""
IN_START = (("device",), ("protocol",))
IN_RESULT = (
    ("validation", FUSED), ("test", FUSED, "accuracy"), ("optimism_gap",), ("unimodal_epochs",),
    ("probe_share",), ("seconds", "total"),
)  # fmt: skip
"""What a run that has ended must have told besides, to be in a table; in its result, numbers."""


def comparable(traces: Iterable[Trace]) -> tuple[list[Trace], list[str]]:
    """Return the traces that lack nothing the tables need, and a sentence for each other one."""
    fit, notes = [], []
    for trace in traces:
        absent = lacking(trace)
        if not absent:
            fit.append(trace)
            continue
        notes.append(
            f"{trace.path.parent} is not in the tables: its trace has no {', '.join(absent)} (an "
            "older version wrote it; train it again to compare it)"
        )
    return fit, notes


def lacking(trace: Trace) -> list[str]:
    """Return the fields that the tables need and a trace lacks, keys joined by dots."""
    wanted: list[tuple[str, ...]] = [*IN_NAME, *(() if trace.result is None else IN_START)]
    absent = [keys for keys in wanted if inside(trace.start, *keys) is None]
    if trace.result is not None:
        tested = inside(trace.result, "test")
        heads = tested if isinstance(tested, dict) else ()
        scores = [("test", head, score) for head in heads for score in ("accuracy", "macro_f1")]
        numbers: list[tuple[str, ...]] = [*IN_RESULT, *scores]
        absent += [
            keys
            for keys in dict.fromkeys(numbers)
            if not isinstance(inside(trace.result, *keys), int | float)
        ]
    return [".".join(keys) for keys in absent]


def nameable(trace: Trace) -> bool:
    """Say whether a trace holds what the name of its row is made of."""
    return all(inside(trace.start, *keys) is not None for keys in IN_NAME)
