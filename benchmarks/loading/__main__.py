"""python -m benchmarks.loading [--output RESULTS.md]: samples per second delivered to training.

The same clips in CREMA-D's layout (480 × 360 JPEG frames, 16 kHz wav), the same inputs (224 × 224
spectrogram, one 224 × 224 picture), batches of 64 in shuffled order. The published way decodes
every file anew for every epoch, ours reads the prepared store. One thread each, in one process, in
turns; CPU seconds. On a CUDA device ours also trains a pair of ResNet-18s and tells how long the
device waits for data.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.loading.published import PublishedCremaD
from benchmarks.machine import processor
from fusion_sched.balancers.weighted import Weighted
from fusion_sched.data.clips.load import prepare_clips
from fusion_sched.data.cremad import CLASSES, CremaD
from fusion_sched.data.loading import EpochOrder, Loader
from fusion_sched.data.samples.files import write_frames, write_wav
from fusion_sched.data.samples.signals import moving_drawing, voiced_sound
from fusion_sched.data.samples.spec import spread_labels
from fusion_sched.models.fusion import Concat
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.resnet import ResNet18
from fusion_sched.training.epoch import train_epoch
from fusion_sched.training.gradients import GradientStep
from fusion_sched.types import Splits, Stage

CLIPS, BATCH, ROUNDS = 384, 64, 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        text = report(Path(folder))
    output.write_text(text, encoding="utf-8")
    print(text)


def report(root: Path) -> str:
    write_clips(root)
    dataset = CremaD(root=str(root), split="actor", visual="Image-01-FPS")
    listing = dataset.listing()
    prepared = cpu_seconds(lambda: prepare_clips(dataset, listing, workers=1))
    splits = dataset.load()
    names = [clip.id for clip in listing.clips if clip.split == "train"]
    labels = splits.train.labels.tolist()
    peers = {
        "published: everything decoded for every item": DataLoader(
            PublishedCremaD(root, names, labels), BATCH, shuffle=True
        ),
        "ours: read from the store, as a loader process does beside a GPU": loader(splits, False),
        "ours: and normalised, cropped and flipped on the same core": loader(splits, True),
    }
    rates = measure(peers, len(names))
    lines = [
        "# Feeding the training loop", "",
        f"`python -m benchmarks.loading`, {date.today()}, {processor()}, one thread; torch "
        f"{torch.__version__}, Python {platform.python_version()}. {len(names)} training clips in "
        f"CREMA-D's layout, batches of {BATCH}, median of {ROUNDS} epochs in turns, CPU seconds. "
        f"Preparing the store took {1e3 * prepared / CLIPS:.1f} ms of CPU per clip, once.", "",
        "| | samples per second and core | times |", "|---|---|---|",
    ]  # fmt: skip
    published = next(iter(rates.values()))
    lines += [f"| {what} | {rate:,.0f} | {rate / published:.1f} |" for what, rate in rates.items()]
    return "\n".join([*lines, "", *waiting(splits)]) + "\n"


def write_clips(root: Path) -> None:
    """Write clips of 24 actors, 16 each, as the original ones are encoded."""
    rng = np.random.default_rng(0)
    for number, label in enumerate(spread_labels(CLIPS, len(CLASSES), rng)):
        actor, sentence = divmod(number, 16)
        name = f"{1001 + actor}_{['DFA', 'IEO', 'IOM', 'ITH'][sentence % 4]}_{CLASSES[label]}_"
        name += ("XX", "LO", "MD", "HI")[sentence // 4]
        if (root / "AudioWAV" / f"{name}.wav").exists():
            continue
        wave = voiced_sound(label, len(CLASSES), 0.8, rng.uniform(1.5, 3.5), 16000, rng)
        write_wav(root / "AudioWAV" / f"{name}.wav", wave, 16000)
        frames = moving_drawing(label, len(CLASSES), 0.8, 3, 360, 480, rng)
        write_frames(root / "Image-01-FPS" / name, frames)


def loader(splits: Splits, whole: bool) -> Loader:
    """Return our loader; not ``whole``: up to where a device would take over."""
    order = EpochOrder(range(len(splits.train)), seed=0)
    if not whole:
        return Loader(splits.train, BATCH, order)
    return Loader(splits.train, BATCH, order, finish=splits.finish, augment=splits.augment)


def measure(peers: dict[str, Iterable[object]], samples: int) -> dict[str, float]:
    """Return samples per CPU second, the peers taking turns."""
    seconds: dict[str, list[float]] = {what: [] for what in peers}
    for number in range(ROUNDS + 1):
        for what, batches in peers.items():
            spent = cpu_seconds(lambda b=batches: all(batch is not None for batch in b))
            if number:  # the first round warms caches and compiles what librosa compiles
                seconds[what].append(spent)
    return {what: samples / statistics.median(found) for what, found in seconds.items()}


def cpu_seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def waiting(splits: Splits) -> list[str]:
    """Train a pair of ResNet-18s on the CUDA device, if there is one, with and without loading."""
    if not torch.cuda.is_available():
        return ["How long a GPU waits for data: not measured, no CUDA device was at hand."]
    device = torch.device("cuda")
    sizes = dict.fromkeys(splits.shapes, 64)
    model = MultimodalNetwork(
        {m: ResNet18(shape) for m, shape in splits.shapes.items()},
        {m: torch.nn.Linear(64, len(CLASSES)) for m in sizes},
        Concat(sizes, len(CLASSES)), "bf16",
    ).to(device, memory_format=torch.channels_last)  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    order = EpochOrder([i for _ in range(16) for i in range(len(splits.train))], seed=0)
    fed = Loader(
        splits.train, BATCH, order, device=device, workers=4, finish=splits.finish,
        augment=splits.augment,
    )  # fmt: skip
    ready = [next(iter(fed))] * len(fed)
    stage = Stage(tuple(splits.shapes), joint=True)
    seconds = []
    for batches in (ready, fed, ready, fed):
        torch.cuda.synchronize()
        started = time.perf_counter()
        step = GradientStep(model, optimizer)
        train_epoch(model, batches, step, stage, partial(Weighted().backward, state={}))
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    share = 1 - seconds[2] / seconds[3]
    return [
        f"{torch.cuda.get_device_name()}: an epoch of {len(fed)} batches (ResNet-18 pair, bf16, "
        f"4 loader processes) takes {seconds[3]:.2f} s, with every batch already there "
        f"{seconds[2]:.2f} s: the device waits {max(share, 0):.1%} of the time."
    ]


if __name__ == "__main__":
    main()
