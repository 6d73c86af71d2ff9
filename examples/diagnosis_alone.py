"""What do two modalities tell of a label, in bits? A diagnosis of arrays, nothing is trained.

Speakers differ in voice, and each is mostly in one mood. A voice therefore tells who speaks, and
through that the mood, of speakers one knows. To hear what it tells of others, `groups` holds each
speaker out as a whole.

    python examples/diagnosis_alone.py
"""

import numpy as np

from fusion_sched import diagnose
from fusion_sched.types import Diagnosis


def sample(speakers: int = 30, talks: int = 15) -> tuple[dict[str, np.ndarray], ...]:
    """Modalities, and moods and speakers of their samples."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(speakers), talks)
    usual = rng.integers(0, 2, speakers)[speaker]
    mood = np.where(rng.random(len(speaker)) < 0.85, usual, 1 - usual)
    identity = 3 * rng.normal(size=(speakers, 4))[speaker]
    voice = identity + rng.normal(size=(len(mood), 4))
    face = mood[:, None] * 1.5 + rng.normal(size=(len(mood), 3))
    return {"voice": voice, "face": face}, {"mood": mood, "speaker": speaker}


def describe(title: str, diagnosis: Diagnosis) -> None:
    """Print redundancy, uniqueness and synergy with their intervals."""
    atoms = {"redundancy": diagnosis.redundancy, "synergy": diagnosis.synergy}
    atoms |= {f"unique to {name}": unique for name, unique in diagnosis.unique.items()}
    print(f"{title}; the label has {diagnosis.label_entropy:.2f} bit")
    for name, bits in atoms.items():
        print(f"  {name:16} {bits.value:.2f} [{bits.low:.2f}, {bits.high:.2f}]")
    for warning in diagnosis.warnings:
        print(f"  note: {warning}")


def main() -> tuple[Diagnosis, Diagnosis]:
    """Diagnose with samples of known speakers, and with speakers held out; return both."""
    modalities, of_samples = sample()
    known = diagnose(modalities, of_samples["mood"])
    unknown = diagnose(modalities, of_samples["mood"], groups=of_samples["speaker"])
    describe("speakers that one knows", known)
    describe("speakers held out", unknown)
    return known, unknown


if __name__ == "__main__":
    main()
