"""fusion-sched pid: the user's own files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Answer

Command = Callable[..., Answer]
RATINGS = Path(__file__).parents[3] / "shared" / "data" / "cremad" / "summaryTable.csv"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 1500))
    np.savez(tmp_path / "gate.npz", a=a, b=b, y=a & b)
    pd.DataFrame({"a": np.array(["no", "yes"])[a], "b": b, "y": a & b, "note": 1.5}).to_csv(
        tmp_path / "gate.csv", index=False
    )
    return tmp_path


def test_a_table_with_intervals(command: Command, gate: Path) -> None:
    shown = command("pid", "gate.npz")
    assert shown.code == 0, shown.err
    for word in ("unique a", "redundancy", "synergy", "95 % interval", "shuffled",
                 "samples per cell", "certified gap"):  # fmt: skip
        assert word in shown.out


def test_no_information_is_printed_as_minus_zero(command: Command, tmp_path: Path) -> None:
    """Of a parity each input alone says nothing; the estimate is -0.0003 bit."""
    a, b = np.random.default_rng(0).integers(0, 2, (2, 2000))
    np.savez(tmp_path / "parity.npz", a=a, b=b, y=a ^ b)
    shown = command("pid", "parity.npz")
    assert shown.code == 0, shown.err
    assert "0.000" in shown.out
    assert "-0.000" not in shown.out


def test_json_has_the_keys_of_a_probe_event_and_csv_gives_the_same(
    command: Command, gate: Path
) -> None:
    found = json.loads(command("pid", "gate.npz", "--json").out)
    assert found["synergy_bits"] == pytest.approx(0.5, abs=0.05)
    assert found["redundancy_bits"] == pytest.approx(0.311, abs=0.05)
    assert {"unique_bits", "mi_bits", "joint_mi_bits", "ecs", "interval", "null", "gap_bits",
            "samples", "clusters", "seconds"} <= set(found)  # fmt: skip
    table = json.loads(command("pid", "gate.csv", "--columns", "a,b", "--json").out)
    assert {k: v for k, v in table.items() if k != "seconds"} == {
        k: v for k, v in found.items() if k != "seconds"
    }


def test_a_joint_is_decomposed_exactly(command: Command, tmp_path: Path) -> None:
    p = np.zeros((2, 2, 2))
    for a in (0, 1):
        for b in (0, 1):
            p[a, b, a & b] = 0.25
    np.savez(tmp_path / "p.npz", p=p)
    assert "0.311278" in command("pid", "p.npz").out
    found = json.loads(command("pid", "p.npz", "--json").out)
    assert found["synergy_bits"] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.npz"], ["none.npz", "does not exist"]),
        (["none.csv"], ["none.csv", "does not exist"]),
        (["gate.npz", "--target", "label"], ["'label'", "--target"]),
        (["gate.npz", "--columns", "a,c"], ["'c'"]),
        (["gate.npz", "--clusters", "1"], ["clusters is 1"]),
        (["gate.npz", "--clusters", "many"], ["'many'"]),
        (["gate.npz", "--bias", "some"], ["'some'", "grassberger"]),
        (["gate.npz", "--resamples", "1"], ["resamples=1"]),
        (["empty.csv"], ["empty.csv"]),
        (["holes.csv", "--columns", "a"], ["'a'", "empty in 1 row"]),
        (["negative.npz"], ["-0.125", "non-negative"]),
        (["flat.npz"], ["(2, 2)"]),
    ],
)
def test_what_cannot_be_used_is_named(
    command: Command, gate: Path, arguments: list[str], words: list[str]
) -> None:
    (gate / "empty.csv").write_text("")
    (gate / "holes.csv").write_text("a,y\n1,0\n,1\n1,1\n")
    np.savez(gate / "negative.npz", p=np.full((2, 2, 2), -0.125))
    np.savez(gate / "flat.npz", p=np.full((2, 2), 0.25))
    shown = command("pid", *arguments)
    assert shown.code == 1, shown.out
    assert "Traceback" not in shown.err
    for word in words:
        assert word in shown.err, shown.err


@pytest.mark.skipif(not RATINGS.exists(), reason=f"the crowd's ratings are not at {RATINGS}")
def test_human_ratings(command: Command, tmp_path: Path) -> None:
    """The face tells more of an intended emotion than the voice, and both tell more than one."""
    table = pd.read_csv(RATINGS)
    table["emotion"] = table["FileName"].str.split("_").str[2]
    table.to_csv(tmp_path / "votes.csv", index=False)
    shown = command("pid", "votes.csv", "--target", "emotion", "--columns",
                    "VoiceVote,FaceVote", "--json")  # fmt: skip
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert found["samples"] == 7442
    assert (
        found["interval"]["unique_bits"]["FaceVote"][0]
        > found["interval"]["unique_bits"]["VoiceVote"][1]
    )
    assert found["winner"] == "FaceVote"
