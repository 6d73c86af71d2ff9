"""Run a controller over a stored trace: what would it have decided?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fusion_sched.controllers import within_stage1
from fusion_sched.runlog import (
    AFTER_EPOCH,
    AT_END,
    AT_HAND_OVER,
    GENERALISING,
    Trace,
    diagnosis_from,
    held_out_from,
    inside,
    main_reading,
)
from fusion_sched.types import (
    HELD_OUT,
    Controller,
    ControllerState,
    Decision,
    Diagnosis,
    Observation,
)


@dataclass(frozen=True)
class StageChange:
    """A change of stage: the epoch after which it comes (-1: before the first), and why.

    ``state`` is the controller's after the decision.
    """

    epoch: int
    decision: Decision
    state: ControllerState


def replay_trace(
    trace: Trace, controller: Controller, reading: str | None = None
) -> list[StageChange]:
    """Return the decisions over the stored diagnoses, up to the hand-over.

    `reading`: `stored` or `generalising`: the diagnoses that the controller takes as the run's own;
    by default those that it took in the run.

    The diagnoses are those of the run as it was trained. After the first decision that differs
    from the run's own, they show what the controller would have answered, not what the run would
    have become. A choice at the hand-over is made on what the run measured at its own, and one
    after joint training only where the run has trained jointly.

    Raises
    ------
    ValueError
        A reading that the trace does not hold, or a controller that chooses at the hand-over where
        the run has measured nothing there.
    """
    if reading is not None:
        _check_reading(trace, reading)
    modalities = list(trace.start["modalities"])
    longest = trace.start["config"]["stage1"]["epochs"]
    state, decision = controller.init(modalities)
    changes = [StageChange(-1, decision, state)]
    for observation in _observations(trace, longest, reading):
        if decision.stage.joint:
            break
        before = decision.stage
        state, decision = within_stage1(controller, state, observation, modalities)
        if decision.measure:
            measured = _at_hand_over(trace, observation)
            state, decision = within_stage1(controller, state, measured, modalities)
        if decision.stage != before:
            changes.append(StageChange(observation.epoch, decision, state))
    end = _held_out(trace, AT_END)
    if end and decision.stage.active and decision.fused:
        last = Observation(end[0]["epoch"], None, False, {}, True, None, held_out_from(end[0]))
        state, decision = controller.step(state, last)
        changes.append(StageChange(last.epoch, decision, state))
    return changes


def _observations(trace: Trace, longest: int, reading: str | None) -> Iterator[Observation]:
    """What the controller saw before the first and after each epoch of stage 1 at its longest."""
    main = main_reading(trace.start)
    probes = {event["epoch"]: event for event in trace.of("probe")}
    epochs = trace.of("epoch")[:longest]
    validation = {e["epoch"]: e["accuracy"]["validation"] for e in epochs}
    stopped = {e["epoch"] for e in epochs if "stopped" in e}
    heads = {event["epoch"]: event for event in _held_out(trace, AFTER_EPOCH)}
    apart = inside(trace.start, "config", "probe", "source") in HELD_OUT
    diagnosis: Diagnosis | None = None
    generalising: Diagnosis | None = None
    for epoch in sorted({-1, *validation}):
        fresh = epoch in probes
        if fresh:
            second = probes[epoch].get("generalising")
            generalising = second and diagnosis_from(second)
            own = reading in (None, main)
            diagnosis = diagnosis_from(probes[epoch]) if own else generalising
            if apart:
                generalising = diagnosis
        yield Observation(
            epoch, diagnosis, fresh, validation.get(epoch, {}),
            epoch + 1 >= longest or epoch in stopped, generalising,
            held_out_from(heads[epoch]) if epoch in heads else None,
        )  # fmt: skip


def _at_hand_over(trace: Trace, observation: Observation) -> Observation:
    measured = _held_out(trace, AT_HAND_OVER)
    if not measured:
        raise ValueError(
            f"{trace.path} holds no held_out event of a hand-over, which this controller decides "
            "on; replay it on a run of controller=evidence"
        )
    return observation._replace(
        generalising=(second := measured[0].get("generalising")) and diagnosis_from(second),
        held_out=held_out_from(measured[0]),
    )


def _held_out(trace: Trace, moment: str) -> list[dict[str, Any]]:
    return [event for event in trace.of("held_out") if event["moment"] == moment]


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
    """Return the run's own changes of stage, as (epoch, stage); `ensemble` where one was chosen."""
    return [
        (event["epoch"], event["to"] | ({"ensemble": True} if event.get("ensemble") else {}))
        for event in trace.of("decision")
    ]
