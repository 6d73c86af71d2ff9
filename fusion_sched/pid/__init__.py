"""Partial information decomposition (BROJA): certified, batched, differentiable; usable alone.

By module path: the solvers `scaling.Scaling`, `proxy.Proxy` and
`fastpid_published.PublishedFastPID`; entropies and mutual informations in `information`; what a
solver returns in `problem`.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fusion_sched.pid.decomposition import Decomposition, NotConverged, decompose
from fusion_sched.pid.fastpid import FastPID
from fusion_sched.pid.joint import joint_from_labels, soft_joint
from fusion_sched.pid.problem import Solver, Status

__all__ = [
    "Decomposition",
    "FastPID",
    "NotConverged",
    "Solver",
    "Status",
    "decompose",
    "joint_from_labels",
    "soft_joint",
]

# Class paths in the configurations of earlier runs; to be removed in version 0.2.
_FORMER_NAMES = {
    "InteriorPoint": ("fastpid", "FastPID"),
    "Proxy": ("proxy", "Proxy"),
    "Published": ("fastpid_published", "PublishedFastPID"),
    "Scaling": ("scaling", "Scaling"),
}

if not TYPE_CHECKING:  # type checkers would accept every name

    def __getattr__(name: str) -> Any:
        if name not in _FORMER_NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, current = _FORMER_NAMES[name]
        warnings.warn(
            f"{__name__}.{name} is now {__name__}.{module}.{current} (solver={module}); the former "
            "name works until version 0.2",
            FutureWarning,
            stacklevel=2,
        )
        return getattr(import_module(f"{__name__}.{module}"), current)
