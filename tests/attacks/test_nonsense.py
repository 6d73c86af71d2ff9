"""Values without a meaning are refused by their name, before anything runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.data.tables import read_table
from tests.conftest import Answer, check_message, make_parts

Command = Callable[..., Answer]


@pytest.mark.parametrize(
    "override",
    ["controllers=3", "~controller", "controller", "~controller.threshold", "controller.=1",
     "controllerx.a=1", "controller="],
)  # fmt: skip
def test_replay_takes_keys_of_the_controller_alone(
    command: Command, short_runs: Path, override: str
) -> None:
    answer = command("replay", str(short_runs / "pid0"), override)
    check_message(answer, 1, ["overrides of the controller only", override])


def test_a_reference_needs_several_runs(command: Command, short_runs: Path, tmp_path: Path) -> None:
    answer = command("report", str(short_runs / "pid0"), "--reference", "nope")
    check_message(answer, 1, ["'nope'", "one run"])
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("arguments", [("compare", ""), ("report", " "), ("replay", "")])
def test_an_empty_name_is_no_folder(command: Command, arguments: tuple[str, ...]) -> None:
    check_message(command(*arguments), 2, ["an empty name"])


@pytest.mark.parametrize("key", ["hydra.sweep.dir", "hydra.run.dir"])
@pytest.mark.parametrize("value", ["", "''", "null"])
def test_an_empty_folder_of_runs_is_refused(
    command: Command, tmp_path: Path, key: str, value: str
) -> None:
    check_message(command("train", "-m", f"{key}={value}", "seed=0,1"), 1, [key, "is empty"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("equal_budget=3", "equal_budget is 3, expected true or false"),
        ("compile=2", "compile is 2, expected true or false"),
        ("robustness=maybe", "robustness is 'maybe', expected true or false"),
        ("threads=100000", "threads is 100000, expected at most"),
        ("workers=100000", "workers is 100000, expected at most"),
        ("stage1.optimizer.momentum=5", "stage1.optimizer: momentum is 5"),
        ("stage2.optimizer.momentum=1", "stage2.optimizer: momentum is 1"),
        ("stage1.optimizer.lr=0", "stage1.optimizer: lr is 0"),
        ("probe.components=1000", "probe.components is 1000, but the embeddings have"),
    ],
)
def test_a_value_without_a_meaning_is_named(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_parts(override)


def test_columns_of_one_name_are_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,a,y\n" + "1,2,0\n0,1,1\n" * 20)
    check_message(command("pid", "a.csv"), 1, ["a.csv", "'a'", "more than once"])
    with pytest.raises(ValueError, match=r"a\.csv begins with .*different names"):
        read_table(tmp_path / "a.csv")
