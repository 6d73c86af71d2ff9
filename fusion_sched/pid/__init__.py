"""Partial information decomposition (BROJA): certified, batched, differentiable; usable alone."""

from fusion_sched.pid.decomposition import (
    Decomposition,
    NotConverged,
    UnionInformation,
    decompose,
)
from fusion_sched.pid.information import conditional_mutual_information, entropy, mutual_information
from fusion_sched.pid.interior_point import InteriorPoint
from fusion_sched.pid.joint import joint_from_labels, soft_joint
from fusion_sched.pid.problem import Solution, Solver, Status
from fusion_sched.pid.proxy import Proxy
from fusion_sched.pid.published import Published
from fusion_sched.pid.scaling import Scaling

__all__ = [
    "Decomposition",
    "InteriorPoint",
    "NotConverged",
    "Proxy",
    "Published",
    "Scaling",
    "Solution",
    "Solver",
    "Status",
    "UnionInformation",
    "conditional_mutual_information",
    "decompose",
    "entropy",
    "joint_from_labels",
    "mutual_information",
    "soft_joint",
]
