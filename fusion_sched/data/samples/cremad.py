"""Sample data in the layout of CREMA-D."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusion_sched.data.samples.files import write_video, write_wav
from fusion_sched.data.samples.signals import moving_drawing, voiced_sound
from fusion_sched.data.samples.spec import SampleSpec

SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
LEAST_CLIPS = 72
"""With fewer, a tenth of each class cannot be kept for validation."""


def write_cremad(out: Path, spec: SampleSpec, classes: Sequence[str]) -> None:
    """Write sounds of 1.5 to 3.5 s, small videos, and the lists of both published splits."""
    if spec.clips < LEAST_CLIPS:
        raise ValueError(
            f"{spec.clips} clips are too few for sample data, expected {LEAST_CLIPS} or more"
        )
    actors = range(1001, 1001 + max(12, -(-spec.clips // (len(SENTENCES) * len(classes)))))
    labels = {
        f"{actor}_{sentence}_{emotion}_XX": label
        for sentence in SENTENCES
        for actor in actors
        for label, emotion in enumerate(classes)
    }
    names = list(labels)[: spec.clips]
    for number, name in enumerate(names):
        rng = np.random.default_rng([spec.seed, number])
        seconds = rng.uniform(1.5, 3.5)
        label, count = labels[name], len(classes)
        wave = voiced_sound(label, count, spec.strength_of("audio"), seconds, 16000, rng)
        write_wav(out / "AudioWAV" / f"{name}.wav", wave, 16000)
        frames = round(15 * seconds)
        drawn = moving_drawing(label, count, spec.strength_of("visual"), frames, 96, 128, rng)
        write_video(out / "VideoFlash" / f"{name}.flv", drawn, 15)
    _write_lists(out, names, classes, np.random.default_rng(spec.seed))


def _write_lists(
    out: Path, names: Sequence[str], classes: Sequence[str], rng: np.random.Generator
) -> None:
    """Write the lists: of each class a sixth is for test and a sixth for validation."""
    train, validation, test = [], [], []
    for emotion in classes:
        rows = [f"{n},{emotion}" for n in rng.permutation(names) if f"_{emotion}_" in n]
        sixth = len(rows) // 6
        test += rows[:sixth]
        validation += rows[sixth : 2 * sixth]
        train += rows[2 * sixth :]
    # Byte-order mark and line ends as in the originals.
    for name, rows, line_end in (
        ("train.csv", [*train, *validation], "\r\n"), ("test.csv", test, "\r\n"),
        ("my_train.csv", train, "\n"), ("val.csv", validation, "\n"),
    ):  # fmt: skip
        (out / name).write_bytes("".join(f"{row}{line_end}" for row in rows).encode())
    (out / "stat.csv").write_bytes(("\ufeff" + "".join(f"{c}\r\n" for c in classes)).encode())
