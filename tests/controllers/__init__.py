from collections.abc import Sequence

from fusion_sched.types import Diagnosis


def seen(
    unique: Sequence[float] = (0.5, 0.5), synergy: float | None = 0.3, names: str = "ab"
) -> Diagnosis:
    """Return a diagnosis with these uniquenesses and this synergy, in bits."""
    values = dict(zip(names, unique, strict=True))
    return Diagnosis(
        unique=values, mi=values, ecs=values, joint_mi=1.0, label_entropy=2.0, samples=100,
        clusters=dict.fromkeys(names, 4), redundancy=0.0, synergy=synergy, gap=0.0,
    )  # fmt: skip
