"""A run of an older version replays and goes on: its class paths and checkpoint keys are mapped.

`old_run` holds a run as the version before the package had rooms left it: its whole trace, and the
checkpoint after the third of its four epochs.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from fusion_sched.config.instantiate import OLD_TARGETS, current_node
from tests.conftest import Answer, of, read_events

OLD_RUN = Path(__file__).with_name("old_run")
Command = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD_RUN, tmp_path / "run"))


@pytest.mark.parametrize("target", OLD_TARGETS)
def test_what_replaces_an_old_target_exists(target: str) -> None:
    assert callable(get_object(OLD_TARGETS[target]["_target_"]))


def test_an_old_schedule_keeps_its_meaning() -> None:
    """A floor was a share of the learning rate; `eta_min` is a learning rate."""
    old = {"_target_": "fusion_sched.schedules.Cosine", "floor": 0.1}
    cfg = OmegaConf.create({"stage2": {"optimizer": {"lr": 0.02}, "scheduler": old}})
    node = current_node(cfg, "stage2.scheduler")
    assert node._target_ == "torch.optim.lr_scheduler.CosineAnnealingLR"
    assert node.eta_min == pytest.approx(0.002)
    assert "floor" not in node
    assert cfg.stage2.scheduler == old


def test_an_old_run_replays(command: Command, run: Path) -> None:
    answer = command("replay", "run")
    assert answer.code == 0, answer.err
    assert "same decisions" in answer.out


def test_an_old_run_goes_on_to_the_same_result(command: Command, run: Path) -> None:
    before = read_events(run)
    answer = command("train", "resume=run")
    assert answer.code == 0, answer.err
    after = read_events(run)
    assert [e["event"] for e in after] == [e["event"] for e in before]
    assert after[:-2] == before[:-2], "what was before the checkpoint is left alone"
    (*_, mine), (*_, theirs) = of(after, "epoch"), of(before, "epoch")
    assert mine["lr"] == pytest.approx(theirs["lr"])
    assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    mine, theirs = after[-1], before[-1]
    assert mine["selected_epoch"] == theirs["selected_epoch"]
    for head, scores in theirs["test"].items():
        assert mine["test"][head] == pytest.approx(scores)


def test_an_old_run_stands_in_tables(command: Command, run: Path) -> None:
    answer = command("compare", "run")
    assert answer.code == 0, answer.err
    assert "all runs" in answer.out
