"""All studies of a profile, part by part, so that what was cut off goes on."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import torch

from fusion_sched.runtime.environment import describe_device
from scripts.studies.theory.profiles import Profile


class Findings(Protocol):
    """What the parts of a study say."""

    def fields(self) -> dict[str, Any]:
        """Return JSON values."""


class Study(Protocol):
    """A study that is done in parts, none of which depends on another."""

    def names(self) -> list[str]:
        """Return the names of the parts."""

    def part(self, name: str, device: torch.device) -> dict[str, Any]:
        """Compute one part: raw numbers by seed, JSON values."""

    def findings(self, parts: Mapping[str, dict[str, Any]]) -> Findings:
        """Return what all parts say."""


def studies(profile: Profile) -> dict[str, Study]:
    """Return the studies by the name of their claim."""
    return {"winner": profile.winner, "rates": profile.rates, "proxy": profile.proxy}


def run(
    profile: Profile,
    device: torch.device,
    done: dict[str, Any] | None,
    on_part: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run what is missing of the three studies and return the result, all of it JSON values.

    ``done`` is an earlier result, finished or not, to go on from; ``on_part`` gets the result as
    far as it goes after every part, to save it. A result that went on equals one that ran through,
    but for ``seconds`` and ``device`` of its parts.

    Keys: ``profile`` (name), ``knobs``, ``parts`` (study → part → raw numbers by seed), ``planned``
    (how many parts there are), ``summary`` (study → findings; empty until finished).

    Raises:
        ValueError: ``done`` is of other knobs.
    """
    everything = studies(profile)
    knobs = plain(asdict(profile))
    if done is not None and done["knobs"] != knobs:
        raise ValueError(
            f"this result was computed with other knobs, of profile {done['profile']!r}; expected "
            f"those of {profile.name!r}: give another folder, or remove the result to start anew"
        )
    parts = done["parts"] if done is not None else {}
    result: dict[str, Any] = {
        "profile": profile.name,
        "knobs": knobs,
        "planned": sum(len(study.names()) for study in everything.values()),
        "parts": {name: dict(parts.get(name, {})) for name in everything},
        "summary": {},
    }
    for name, study in everything.items():
        finished = result["parts"][name]
        for part in study.names():
            if part not in finished:
                finished[part] = timed(study, part, device)
                on_part(result)
    result["summary"] = {
        name: plain(study.findings(result["parts"][name]).fields())
        for name, study in everything.items()
    }
    return result


def progress(result: dict[str, Any]) -> str:
    """Return how far a result goes, in words."""
    done = sum(len(parts) for parts in result["parts"].values())
    return f"{done} of {result['planned']} parts done"


def timed(study: Study, part: str, device: torch.device) -> dict[str, Any]:
    """Compute a part and say how long it took, and on what."""
    started = time.perf_counter()
    values: dict[str, Any] = plain(study.part(part, device))
    seconds = round(time.perf_counter() - started, 2)
    return {**values, "seconds": seconds, "device": describe_device(device)}


def plain(values: Any) -> Any:
    """Return the values as a JSON file would give them back; infinity and NaN are an error."""
    return json.loads(json.dumps(values, allow_nan=False))
