"""Policies that decide, epoch by epoch, which modalities train and when joint training starts."""

from collections.abc import Sequence

from fusion_sched.types import Stage


def unimodal(modalities: Sequence[str]) -> Stage:
    """Return the stage that trains each of these modalities alone."""
    return Stage(tuple(modalities))


def jointly(modalities: Sequence[str]) -> Stage:
    """Return the joint stage."""
    return Stage(tuple(modalities), joint=True)
