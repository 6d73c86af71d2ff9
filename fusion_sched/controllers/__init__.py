"""Policies that decide, epoch by epoch, which modalities train and when joint training starts."""

from collections.abc import Sequence
from math import hypot

from fusion_sched.types import (
    HELD_OUT,
    Controller,
    ControllerState,
    Decision,
    Estimate,
    Observation,
    Stage,
)

NORMAL_95 = 1.96
"""Half the width of a 95 % interval, in standard errors."""


def unimodal(modalities: Sequence[str]) -> Stage:
    """Return the stage that trains each of these modalities alone."""
    return Stage(tuple(modalities))


def jointly(modalities: Sequence[str]) -> Stage:
    """Return the joint stage."""
    return Stage(tuple(modalities), joint=True)


def check_generalising(source: str, controller: str) -> None:
    """Raise where a probe of this source reads training samples alone."""
    if source not in ("both", *HELD_OUT):
        raise ValueError(
            f"controller={controller} decides by information that generalises, but probe.source="
            f"{source} reads training samples alone; set probe=posterior probe.source=both"
        )


def within_stage1(
    controller: Controller,
    state: ControllerState,
    observation: Observation,
    modalities: Sequence[str],
) -> tuple[ControllerState, Decision]:
    """Ask the controller; after the last epoch of stage 1 joint training starts in any case."""
    state, decision = controller.step(state, observation)
    if observation.last and not decision.stage.joint and not decision.measure:
        reason = f"stage 1 has taken its {observation.epoch + 1} epochs"
        decision = Decision(jointly(modalities), reason, decision.keep)
    return state, decision


def clear_difference(now: Estimate, before: float, before_error: float) -> bool:
    """Say whether the 95 % interval of ``now`` - ``before`` leaves out 0.

    The errors are taken as independent, which is cautious where both rest on the same samples.
    """
    return abs(now.value - before) > NORMAL_95 * hypot(before_error, now.standard_error)
