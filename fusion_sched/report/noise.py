"""The curves under noise that a result holds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fusion_sched.report.story import number
from fusion_sched.runlog import inside


class NoiseCurve(NamedTuple):
    """Fused test accuracy over levels of one kind of noise; ``names`` are the levels as written."""

    kind: str
    names: list[str]
    levels: list[float]
    shares: list[float]


def noise_curves(result: Mapping[str, Any] | None) -> dict[str, NoiseCurve]:
    """Return the curve of each modality; levels without a number and empty curves are left out."""
    found: dict[str, NoiseCurve] = {}
    curves = inside(result, "robustness", "noise")
    for name, curve in curves.items() if isinstance(curves, Mapping) else ():
        kind, accuracy = inside(curve, "kind"), inside(curve, "accuracy")
        points = [
            (text, level, share)
            for text in (accuracy if isinstance(accuracy, Mapping) else ())
            if (level := level_of(text)) is not None
            and (share := number(accuracy, text)) is not None
        ]
        if isinstance(kind, str) and points:
            names, levels, shares = (list(column) for column in zip(*points, strict=True))
            found[name] = NoiseCurve(kind, names, levels, shares)
    return found


def level_of(text: str) -> float | None:
    """Return the level that a key of a curve names, ``None`` where it is no number."""
    try:
        return float(text)
    except ValueError:
        return None
