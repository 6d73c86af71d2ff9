"""Run a controller over a stored trace: what would it have decided?"""

from dataclasses import dataclass
from typing import Any

from fusion_sched.controllers import within_stage1
from fusion_sched.runlog import Trace, diagnosis_from
from fusion_sched.types import Controller, Decision, Diagnosis, Observation


@dataclass(frozen=True)
class Step:
    """A change of stage: the epoch after which it comes (-1: before the first), and why."""

    epoch: int
    decision: Decision


def replay(trace: Trace, controller: Controller) -> list[Step]:
    """Return the decisions over the stored diagnoses, up to the hand-over.

    The diagnoses are those of the run as it was trained: after the first decision that differs
    from the run's own, they tell what the controller would have said, not what would have come.
    """
    start = trace.start
    longest = start["config"]["stage1"]["epochs"]
    diagnoses = {record["epoch"]: diagnosis_from(record) for record in trace.of("probe")}
    state, decision = controller.init(list(start["modalities"]))
    steps = [Step(-1, decision)]
    latest: Diagnosis | None = None
    validation = {e["epoch"]: e["accuracy"]["validation"] for e in trace.of("epoch")[:longest]}
    for epoch in sorted({-1, *validation}):
        if decision.stage.joint:
            break
        latest = diagnoses.get(epoch, latest)
        last = epoch + 1 >= longest
        seen = Observation(epoch, latest, epoch in diagnoses, validation.get(epoch, {}), last)
        before = decision.stage
        state, decision = within_stage1(controller, state, seen, list(start["modalities"]))
        if decision.stage != before:
            steps.append(Step(epoch, decision))
    return steps


def recorded_stages(trace: Trace) -> list[tuple[int, dict[str, Any]]]:
    """Return the run's own changes of stage, as (epoch, stage)."""
    return [(decision["epoch"], decision["to"]) for decision in trace.of("decision")]
