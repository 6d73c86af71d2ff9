"""Every experiment runs both stages on sample data in its dataset's layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.commands.data import open_dataset
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.runlog import read_trace
from tests.conftest import Answer

PICTURES = ("dataset.size=32", "dataset.n_fft=128", "encoder.width=4")
SMALL: dict[str, tuple[int, tuple[str, ...]]] = {
    "cremad": (72, ("dataset.size=32", "dataset.audio_size=[32,32]", "encoder.width=4")),
    "cremad_smoke": (72, ("encoder.width=4",)),
    "ave": (36, (*PICTURES, "dataset.hop=1600", "dataset.frames=2")),
    "kinetics_sounds": (36, (*PICTURES, "dataset.hop=1600", "dataset.validation=0.2")),
    "vggsound": (36, (*PICTURES, "dataset.hop=1600", "dataset.validation=0.2")),
    "ucf101": (36, ("dataset.size=32",)),
    "food101": (36, ("dataset.size=32",)),
    "cgmnist": (120, ()),
    "mosi": (40, ()),
    "mosei": (40, ()),
    "avdigits": (120, ()),
}
"""Experiment → clips of sample data, and what makes the pictures and the network small."""
TWO_STEPS = (
    "stage1.epochs=1", "stage2.epochs=1", "batch_size=256", "probe.every=1", "probe.joint_every=1",
)  # fmt: skip


@pytest.mark.parametrize("experiment", SMALL)
def test_both_stages_run_from_files_to_report(
    experiment: str, tmp_path: Path, command: Callable[..., Answer]
) -> None:
    clips, small = SMALL[experiment]
    dataset = experiment.removesuffix("_smoke")
    root = tmp_path / "data"
    root.mkdir()
    open_dataset(dataset, root).write_sample(root, SampleSpec(clips))
    answer = command(
        "train", f"+experiment={experiment}", f"dataset.root={root}", *small, *TWO_STEPS,
        "hydra.run.dir=run",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    trace = read_trace(tmp_path / "run")
    assert [event["stage"] for event in trace.of("epoch")] == ["unimodal", "joint"]
    assert trace.of("epoch")[-1]["step"] == 2
    assert trace.result is not None
    assert (tmp_path / "run" / "trace.png").is_file()
    assert "skipped" not in trace.start["facts"]
