"""Sample data in the layouts of AVE, Kinetics-Sounds and VGGSound."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fusion_sched.data.samples.files import write_video
from fusion_sched.data.samples.signals import moving_drawing, voiced_sound
from fusion_sched.data.samples.spec import SampleClip, SampleSpec, plan_sample

SECONDS = 10
RATE_HZ = 16000
FPS = 3
HEIGHT, WIDTH = 48, 64
TRAIN_AND_TEST = ("train", "train", "train", "train", "test")


def write_ave(
    out: Path, spec: SampleSpec, classes: Sequence[str], lists: Mapping[str, str]
) -> None:
    """Write videos and the three lists (split → name); ten clips or more of each class shown."""
    clips = plan_sample(
        spec, len(classes), per_class=10, splits=("train", "train", "validation", "train", "test")
    )
    rows = {clip.name: f"{classes[clip.label]}&{clip.name}&good&0&{SECONDS}\n" for clip in clips}
    write_sample_videos({clip: out / "AVE" / f"{clip.name}.mp4" for clip in clips}, spec)
    annotations = "Category&VideoID&Quality&StartTime&EndTime\n"
    for split, name in lists.items():
        text = "".join(rows[clip.name] for clip in clips if clip.split == split)
        (out / name).write_text(text, encoding="utf-8")
        annotations += text
    (out / "Annotations.txt").write_text(annotations, encoding="utf-8")


def write_kinetics_sounds(
    out: Path, spec: SampleSpec, classes: int, lists: Mapping[str, str]
) -> None:
    """Write videos and the two lists (split → name); 13 clips or more of each class shown."""
    paths = {}
    rows: dict[str, str] = dict.fromkeys(lists, "")
    for number, clip in enumerate(plan_sample(spec, classes, 13, TRAIN_AND_TEST)):
        start, end = number % 100, number % 100 + SECONDS
        paths[clip] = out / clip.split / f"{clip.name}_{start:06d}_{end:06d}.mp4"
        name = paths[clip].stem if clip.split == "train" else f"{clip.name}_{start}"
        rows[clip.split] += f"{name},{SECONDS},{clip.label}\n"
    write_sample_videos(paths, spec)
    for split, name in lists.items():
        (out / name).write_text(rows[split], encoding="utf-8")


def write_vggsound(out: Path, spec: SampleSpec, classes: Sequence[str], name: str) -> None:
    """Write videos and the list `name`; 13 clips or more of each of at most `classes`."""
    clips = plan_sample(spec, len(classes), 13, TRAIN_AND_TEST)
    starts = {clip: SECONDS * number for number, clip in enumerate(clips)}
    write_sample_videos(
        {clip: out / "video" / f"{clip.name}_{start:06d}.mp4" for clip, start in starts.items()},
        spec,
    )
    with (out / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(
            (clip.name, start, classes[clip.label], clip.split) for clip, start in starts.items()
        )


def write_sample_videos(paths: Mapping[SampleClip, Path], spec: SampleSpec) -> None:
    """Write ten seconds of video per clip, whose sound and drawing show its class."""
    classes = max(clip.shown for clip in paths) + 1
    audio, visual = spec.strength_of("audio"), spec.strength_of("visual")
    for clip, path in paths.items():
        rng = np.random.default_rng([spec.seed, 1, int(clip.name[-5:])])
        sound = voiced_sound(clip.shown, classes, audio, SECONDS, RATE_HZ, rng)
        pictures = moving_drawing(clip.shown, classes, visual, SECONDS * FPS, HEIGHT, WIDTH, rng)
        write_video(path, pictures, FPS, sound, RATE_HZ)
