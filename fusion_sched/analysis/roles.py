"""What a row is in the argument, read off its configuration and never off its name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from fusion_sched.balancers.frozen import Frozen
from fusion_sched.balancers.weighted import Weighted
from fusion_sched.controllers.fixed import Fixed
from fusion_sched.controllers.joint import Joint
from fusion_sched.controllers.random import Random
from fusion_sched.models.fusion import Average, Concat


class Role(StrEnum):
    """Roles a row may have."""

    JOINT = "joint training from scratch"
    ENSEMBLE = "ensemble of unimodal models"
    FIXED = "two stages without diagnostics"
    FROZEN = "fusion on frozen unimodal encoders"
    SCHEDULE = "schedule"
    OTHER = "other"


def target_of(class_: type) -> str:
    """Return the dotted path by which a configuration names a class."""
    return f"{class_.__module__}.{class_.__qualname__}"


def role_of(config: Mapping[str, Any]) -> Role:
    """Return the role of a run.

    A schedule is whatever controller looks at something: not joint, of fixed length or random.
    """
    if "balancer" not in config:  # a trace from before there were any
        return Role.OTHER
    controller, fusion = (config[group]["_target_"] for group in ("controller", "fusion"))
    balancer = config["balancer"]["_target_"]
    weighted = balancer == target_of(Weighted)
    if weighted and config["balancer"]["fused_weight"] == 0:
        return Role.ENSEMBLE if fusion == target_of(Average) else Role.OTHER
    if controller == target_of(Joint):
        return Role.JOINT if weighted else Role.OTHER
    if controller == target_of(Fixed):
        kinds = {target_of(Weighted): Role.FIXED, target_of(Frozen): Role.FROZEN}
        return kinds.get(balancer, Role.OTHER)
    return Role.OTHER if controller == target_of(Random) else Role.SCHEDULE


def plainness(config: Mapping[str, Any]) -> tuple[float, bool]:
    """Return a key that sorts rows of joint training: the plain one, fused loss alone, first."""
    other_fusion = config["fusion"]["_target_"] != target_of(Concat)
    return float(config["balancer"]["unimodal_weight"]), other_fusion
