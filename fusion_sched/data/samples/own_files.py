"""Sample data of one's own files: folders of sounds and videos, and a list of pictures."""

import csv
from pathlib import Path

import numpy as np

from fusion_sched.data.samples.files import write_frames, write_video, write_wav
from fusion_sched.data.samples.food101 import DISHES, draw_title
from fusion_sched.data.samples.signals import moving_drawing, voiced_sound
from fusion_sched.data.samples.spec import SampleSpec, spread_labels

CLASSES = 4
LEAST_CLIPS = 10 * CLASSES
MAKERS = 10
"""Makers of pictures, each of whom has made some of every class."""
RATE_HZ, SECONDS, FPS, FRAMES = 16000, 1.0, 15, 15
HEIGHT, WIDTH = 48, 64


def write_own_files(out: Path, spec: SampleSpec) -> None:
    """Write `clips/CLASS/NAME.wav` and `.avi`, and `pictures.csv` with pictures and titles."""
    if spec.clips < LEAST_CLIPS:
        raise ValueError(
            f"{spec.clips} clips are too few for sample data, expected {LEAST_CLIPS} or more"
        )
    labels = spread_labels(spec.clips, CLASSES, np.random.default_rng([spec.seed, 0]))
    rows = []
    for number, label in enumerate(labels):
        rng = np.random.default_rng([spec.seed, 1, number])
        name = f"{DISHES[label]}/clip{number:03d}"
        wave = voiced_sound(label, CLASSES, spec.strength_of("audio"), SECONDS, RATE_HZ, rng)
        write_wav(out / "clips" / f"{name}.wav", wave, RATE_HZ)
        drawn = moving_drawing(
            label, CLASSES, spec.strength_of("visual"), FRAMES, HEIGHT, WIDTH, rng
        )
        write_video(out / "clips" / f"{name}.avi", drawn, FPS)
        picture = moving_drawing(label, CLASSES, spec.strength_of("picture"), 1, HEIGHT, WIDTH, rng)
        write_frames(out / "pictures", picture, first=number)
        title = draw_title(label, spec.strength_of("title"), CLASSES, rng)
        rows.append((f"pictures/{number:05d}.jpg", title, DISHES[label], f"maker{number % MAKERS}"))
    with (out / "pictures.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("picture", "title", "label", "maker"))
        table.writerows(rows)
