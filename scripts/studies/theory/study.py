"""All studies of a profile. Each finished part is kept, so that an interrupted run continues."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import torch
from joblib import Memory

from fusion_sched.runtime.environment import describe_device
from scripts.studies.theory.profiles import Profile


class Study(Protocol):
    """A study in parts, none of which depends on another."""

    def names(self) -> list[str]:
        """Return the names of the parts."""

    def part(self, name: str, device: torch.device) -> dict[str, Any]:
        """Compute one part: raw numbers by seed."""

    def findings(self, parts: Mapping[str, dict[str, Any]]) -> Any:
        """Return a dataclass with what all parts say."""


def run(profile: Profile, device: torch.device, memory: Memory) -> dict[str, Any]:
    """Run the three studies of a profile and return their result, all of it JSON values.

    Parameters
    ----------
    profile
        The settings of the studies.
    device
        Where the parts are computed.
    memory
        Keeps every part under the settings of its study. A part that it holds is not computed
        again, on whatever device it was computed.

    Returns
    -------
    dict
        `profile` (name), `knobs`, `parts` (study → part → raw numbers by seed, `seconds` and
        `device`), `summary` (study → findings).
    """
    studies: dict[str, Study] = {
        "winner": profile.winner, "rates": profile.rates, "proxy": profile.proxy,
    }  # fmt: skip
    kept_part = memory.cache(_part, ignore=["device"])
    parts = {
        claim: {name: kept_part(study, name, device) for name in study.names()}
        for claim, study in studies.items()
    }
    return {
        "profile": profile.name,
        "knobs": _json_values(asdict(profile)),
        "parts": parts,
        "summary": {
            claim: _json_values(asdict(study.findings(parts[claim])))
            for claim, study in studies.items()
        },
    }


def _part(study: Study, name: str, device: torch.device) -> dict[str, Any]:
    print(f"  {type(study).__name__}: {name}", flush=True)
    started = time.perf_counter()
    values: dict[str, Any] = _json_values(study.part(name, device))
    seconds = round(time.perf_counter() - started, 2)
    return {**values, "seconds": seconds, "device": describe_device(device)}


def _json_values(values: Any) -> Any:
    """Return the values as a JSON file gives them back; infinity and NaN are an error."""
    return json.loads(json.dumps(values, allow_nan=False))
