"""Every experiment runs both stages on sample data in its dataset's layout."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from fusion_sched.commands.data import open_dataset
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.runlog import Trace, read_trace
from tests.conftest import Answer, run_once

PICTURES = ("dataset.size=32", "dataset.n_fft=128", "encoder.width=4")
SMALL: dict[str, tuple[int, tuple[str, ...]]] = {
    "cremad": (72, ("dataset.size=32", "dataset.audio_size=[32,32]", "encoder.width=4")),
    "cremad_smoke": (72, ("encoder.width=4",)),
    "ave": (20, (*PICTURES, "dataset.hop=1600", "dataset.frames=2")),
    "kinetics_sounds": (26, (*PICTURES, "dataset.hop=1600", "dataset.validation=0.2")),
    "vggsound": (26, (*PICTURES, "dataset.hop=1600", "dataset.validation=0.2")),
    "ucf101": (20, ("dataset.size=32", "encoder.width=4")),
    "food101": (24, ("dataset.size=32", "encoder.image.width=4")),
    "cgmnist": (120, ()),
    "mosi": (40, ()),
    "mosei": (40, ()),
    "avdigits": (120, ()),
}
"""Experiment → clips of sample data, and what makes the pictures and the network small."""
TWO_STEPS = (
    "stage1.epochs=1", "stage2.epochs=1", "batch_size=256", "probe.every=1", "probe.joint_every=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a dataset's sample data, written at the first call."""

    @cache
    def write(dataset: str) -> Path:
        root = tmp_path_factory.mktemp(dataset)
        open_dataset(dataset, root).write_sample(root, SampleSpec(SMALL[dataset][0]))
        return root

    return write


def check_trace(trace: Trace) -> None:
    assert [event["stage"] for event in trace.of("epoch")] == ["unimodal", "joint"]
    assert trace.of("epoch")[-1]["step"] == 2
    assert trace.result is not None
    assert "skipped" not in trace.start["facts"]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", SMALL)
def test_both_stages_run_on_files(
    experiment: str, tmp_path: Path, sample_data: Callable[[str], Path]
) -> None:
    root = sample_data(experiment.removesuffix("_smoke"))
    small = SMALL[experiment][1]
    run_once(tmp_path, f"+experiment={experiment}", f"dataset.root={root}", *small, *TWO_STEPS)
    check_trace(read_trace(tmp_path))


@pytest.mark.slow
def test_the_command_goes_from_files_to_the_picture(
    tmp_path: Path, command: Callable[..., Answer], sample_data: Callable[[str], Path]
) -> None:
    root = sample_data("avdigits")
    answer = command(
        "train", "+experiment=avdigits", f"dataset.root={root}", *TWO_STEPS, "hydra.run.dir=run"
    )
    assert answer.code == 0, answer.err
    check_trace(read_trace(tmp_path / "run"))
    assert (tmp_path / "run" / "trace.png").is_file()
