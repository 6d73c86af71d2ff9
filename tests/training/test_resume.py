"""Killed anywhere and resumed, a run ends as if nothing had happened."""

import dataclasses
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from fusion_sched.runtime import checkpoint
from fusion_sched.runtime.files import lock
from fusion_sched.training.components import RunComponents
from fusion_sched.training.trainer import train
from tests.conftest import SHORT, make_parts, of, read_events, run_once, timeless
from tests.processes import Forked, start_command

OPTIONS = ("controller=pid", "stage1.epochs=5", "stage2.epochs=2", "probe=kmeans", "fusion=concat",
           "probe.resamples=5", "probe.shuffles=2",
           "robustness=false", "controller.min_epochs=1", "controller.patience=1",
           "controller.drop=0.95", "controller.evidence=false", "encoder=small_cnn",
           "scheduler@stage2.scheduler=cosine")  # fmt: skip


MOST_STOPS = 50
"""More than any run here has; one that needs more never ends."""


class Killed(Exception):
    """Stands for a process that ends without a word."""


Options = tuple[str, ...]


@pytest.fixture(scope="module")
def options(small_digits: Path) -> Options:
    return ("dataset=arrays", f"dataset.root={small_digits}", *OPTIONS)


@pytest.fixture(scope="module")
def uninterrupted(options: Options, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_once(folder, *options)
    return folder


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    last = checkpoint.load(folder / "checkpoint" / "last.pt", torch.device("cpu"))
    best = checkpoint.load(folder / "checkpoint" / last["state"]["best"], torch.device("cpu"))
    state = last["optimizer"]["state"]
    momentum = {f"momentum {k}": v["momentum_buffer"] for k, v in state.items()}
    chosen = {f"best {k}": v for k, v in best["model"].items()}
    return {**last["model"], **momentum, **chosen}


def train_with_stops(make: Callable[[], RunComponents], folder: Path, every: int) -> int:
    """Train in `folder`, stopped after every so many events and resumed; return the stops."""
    folder.mkdir()
    for stops in range(1, MOST_STOPS):
        events = 0

        def show(event: dict[str, Any]) -> None:
            nonlocal events
            events += 1
            if events == every and event["event"] != "result":
                raise Killed

        with suppress(Killed):
            train(make(), folder, show)
        if of(read_events(folder), "result"):
            return stops
    raise AssertionError(f"every={every} events are fewer than an epoch has: the run never ends")


def assert_same_run(folder: Path, whole: Path) -> None:
    mine, theirs = final_weights(folder), final_weights(whole)
    assert set(mine) == set(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert [timeless(e) for e in read_events(folder)] == [timeless(e) for e in read_events(whole)]


def interrupted_after(folder: Path, options: Options, count: int) -> bool:
    """Train until ``count`` more events have been traced; say whether the run ended before."""
    seen = 0

    def show(event: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            raise Killed

    folder.mkdir(exist_ok=True)
    try:
        train(make_parts(*options), folder, show)
    except Killed:
        return False
    return True


def test_the_run_of_this_test_has_every_kind_of_event(uninterrupted: Path) -> None:
    """Otherwise the tests below would prove less than they say."""
    events = read_events(uninterrupted)
    decisions = of(events, "decision")
    assert any(d["restored"] for d in decisions)
    assert {e["stage"] for e in of(events, "epoch")} == {"unimodal", "joint"}


@pytest.mark.parametrize("events", [2, 5, 7])
def test_interrupted_again_and_again(
    options: Options, tmp_path: Path, uninterrupted: Path, events: int
) -> None:
    """Stopped after every few events, between an epoch and its checkpoint as well."""
    folder = tmp_path / "run"
    ended, stops = False, 0
    count = events
    while not ended:
        before = (folder / "checkpoint" / "last.pt").exists() and checkpoint.load(
            folder / "checkpoint" / "last.pt", torch.device("cpu")
        )["trace_lines"]
        ended = interrupted_after(folder, options, count)
        stops += not ended
        after = (folder / "checkpoint" / "last.pt").exists() and checkpoint.load(
            folder / "checkpoint" / "last.pt", torch.device("cpu")
        )["trace_lines"]
        # An epoch has more events than a small count: without progress, allow one more.
        count = count + 1 if before == after else events
    assert stops > 0
    assert_same_run(folder, uninterrupted)


def test_killed_at_three_random_points(
    options: Options, tmp_path: Path, uninterrupted: Path
) -> None:
    """SIGKILL to the real command, three times, then resumed to the end."""
    folder = tmp_path / "run"
    seed = random.randrange(10**6)
    print(f"random seed of this test: {seed}")
    total = len(read_events(uninterrupted))
    arguments = [*options, f"hydra.run.dir={folder}"]
    killed = []
    for point in sorted(random.Random(seed).sample(range(1, total), 3)):
        process = start_command(tmp_path, "train", *arguments)
        wait_for_lines(process, folder / "trace.jsonl", point)
        killed.append(process.kill())
        arguments = [f"resume={folder}"]
    assert any(killed)
    answer = start_command(tmp_path, "train", *arguments).wait()
    assert answer.code == 0, answer.err
    assert_same_run(folder, uninterrupted)


def wait_for_lines(process: Forked, trace: Path, count: int) -> None:
    """Return once the trace has `count` lines, or the process has ended."""
    while process.running():
        if trace.exists() and trace.read_text().count("\n") >= count:
            return
        time.sleep(0.005)


def test_a_half_written_last_line_is_cut(
    options: Options, tmp_path: Path, uninterrupted: Path
) -> None:
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    with (folder / "trace.jsonl").open("a") as file:
        file.write('{"event": "epo')
    assert interrupted_after(folder, options, 10**6)
    assert_same_run(folder, uninterrupted)


def test_changed_data_stops_the_resume(options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    parts = make_parts(*options)
    test = dataclasses.replace(parts.splits.test, labels=parts.splits.test.labels.roll(1))  # type: ignore[type-var]
    other = dataclasses.replace(parts, splits=dataclasses.replace(parts.splits, test=test))
    with pytest.raises(ValueError, match="data has changed"):
        train(other, folder, lambda event: None)
    with pytest.raises(ValueError, match="differs from the one its trace began with, in seed"):
        train(make_parts(*options, "seed=9"), folder, lambda event: None)


def test_a_run_from_before_there_were_roles_resumes(options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    first, *others = (folder / "trace.jsonl").read_text().splitlines(keepends=True)
    start = json.loads(first)
    del start["config"]["role"]
    (folder / "trace.jsonl").write_text("".join([json.dumps(start) + "\n", *others]))
    assert interrupted_after(folder, options, 10**6)


def test_a_lost_or_foreign_checkpoint_stops_the_resume(options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    before = (folder / "trace.jsonl").read_text()
    last = folder / "checkpoint" / "last.pt"
    checkpoint.save(last, {"state": {}})
    with pytest.raises(ValueError, match="does not hold this run's state"):
        train(make_parts(*options), folder, lambda event: None)
    last.unlink()
    with pytest.raises(ValueError, match=r"no last\.pt"):
        train(make_parts(*options), folder, lambda event: None)
    assert (folder / "trace.jsonl").read_text() == before


def test_a_trace_shorter_than_its_checkpoint_stops_the_resume(
    options: Options, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    trace = folder / "trace.jsonl"
    first = trace.read_text().splitlines()[0]
    assert json.loads(first)["event"] == "start"
    trace.write_text(first + "\n")
    with pytest.raises(ValueError, match="cut or replaced"):
        train(make_parts(*options), folder, lambda event: None)
    assert trace.read_text() == first + "\n"


def test_only_weights_that_are_referred_to_stay(uninterrupted: Path) -> None:
    names = {path.name for path in (uninterrupted / "checkpoint").iterdir()}
    last = checkpoint.load(uninterrupted / "checkpoint" / "last.pt", torch.device("cpu"))
    assert names == {"last.pt", last["state"]["best"], last["state"]["peak"]}


def test_a_folder_in_training_is_left_alone(options: Options, tmp_path: Path) -> None:
    """A second process neither reads nor cuts what the first is writing."""
    folder = tmp_path / "run"
    interrupted_after(folder, options, 9)
    before = (folder / "trace.jsonl").read_text()
    held = lock(folder / ".lock", blocking=False)
    with held, pytest.raises(ValueError, match="another process is training"):
        train(make_parts(*options), folder, lambda event: None)
    assert (folder / "trace.jsonl").read_text() == before


def test_killed_before_its_first_event_a_run_begins_again(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").touch()
    quick = ("encoder=mlp", "probe.samples=100", "robustness=false")
    train(make_parts(*SHORT, *quick), tmp_path, lambda _: None)
    assert read_events(tmp_path)[-1]["event"] == "result"
