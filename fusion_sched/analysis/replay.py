"""Run a controller over a stored trace: what would it have decided?"""

from dataclasses import dataclass
from typing import Any

from fusion_sched.controllers import within_stage1
from fusion_sched.runlog import GENERALISING, Trace, diagnosis_from, inside, main_reading
from fusion_sched.types import Controller, Decision, Diagnosis, Observation


@dataclass(frozen=True)
class StageChange:
    """A change of stage: the epoch after which it comes (-1: before the first), and why."""

    epoch: int
    decision: Decision


def replay_trace(
    trace: Trace, controller: Controller, reading: str | None = None
) -> list[StageChange]:
    """Return the decisions over the stored diagnoses, up to the hand-over.

    `reading`: `stored` or `generalising`: the diagnoses that the controller takes as the run's own;
    by default those that it took in the run.

    The diagnoses are those of the run as it was trained. After the first decision that differs
    from the run's own, they show what the controller would have answered, not what the run would
    have become.

    Raises
    ------
    ValueError
        A reading that the trace does not hold.
    """
    main = main_reading(trace.start)
    if reading is not None:
        _check_reading(trace, reading)
    modalities = list(trace.start["modalities"])
    longest = trace.start["config"]["stage1"]["epochs"]
    probes = {event["epoch"]: event for event in trace.of("probe")}
    validation = {e["epoch"]: e["accuracy"]["validation"] for e in trace.of("epoch")[:longest]}
    state, decision = controller.init(modalities)
    changes = [StageChange(-1, decision)]
    diagnosis: Diagnosis | None = None
    generalising: Diagnosis | None = None
    for epoch in sorted({-1, *validation}):
        if decision.stage.joint:
            break
        fresh = epoch in probes
        if fresh:
            second = probes[epoch].get("generalising")
            generalising = second and diagnosis_from(second)
            own = reading in (None, main)
            diagnosis = diagnosis_from(probes[epoch]) if own else generalising
        observation = Observation(
            epoch, diagnosis, fresh, validation.get(epoch, {}), epoch + 1 >= longest, generalising
        )
        before = decision.stage
        state, decision = within_stage1(controller, state, observation, modalities)
        if decision.stage != before:
            changes.append(StageChange(epoch, decision))
    return changes


def _check_reading(trace: Trace, reading: str) -> None:
    held = [main_reading(trace.start)]
    probes = trace.of("probe")
    if probes and all("generalising" in probe for probe in probes):
        held.append(GENERALISING)
    if reading not in held:
        source = inside(trace.start, "config", "probe", "source")
        raise ValueError(
            f"{trace.path} holds no {reading} reading: its probe looked at samples of source "
            f"{source} alone, which is the {held[0]} reading; a run with probe.source=both has both"
        )


def recorded_stages(trace: Trace) -> list[tuple[int, dict[str, Any]]]:
    """Return the run's own changes of stage, as (epoch, stage)."""
    return [(decision["epoch"], decision["to"]) for decision in trace.of("decision")]
