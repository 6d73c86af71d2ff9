"""fusion-sched pid: what files hold, and what they hold by mistake."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_sched.commands.pid_input import typed
from tests.conftest import Answer

Command = Callable[..., Answer]
QUICK = ("--resamples", "5", "--shuffles", "3")


def voices(count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels 0 to 2, a voice that mostly tells them, and a face that does not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, count)
    voice = np.where(rng.random(count) < 0.9, y, rng.integers(0, 3, count))
    return y, voice, rng.integers(0, 3, count)


def write_lines(path: str, header: str, rows: list[str]) -> None:
    Path(path).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def numbers(shown: Answer) -> dict[str, Any]:
    assert shown.code == 0, shown.err
    found: dict[str, Any] = json.loads(shown.out)
    return {key: value for key, value in found.items() if key != "seconds"}


def test_a_comma_at_the_end_of_rows_shifts_no_column(command: Command) -> None:
    rows = [f"{y},{v},{f}" for y, v, f in zip(*voices(), strict=True)]
    write_lines("plain.csv", "y,voice,face", rows)
    write_lines("trailing.csv", "y,voice,face", [f"{row}," for row in rows])
    write_lines("both.csv", "y,voice,face,", [f"{row}," for row in rows])
    arguments = ("--columns", "voice", "--json", *QUICK)
    expected = numbers(command("pid", "plain.csv", *arguments))
    assert expected["mi_bits"]["voice"] > 0.7
    assert numbers(command("pid", "trailing.csv", *arguments)) == expected
    assert numbers(command("pid", "both.csv", *arguments)) == expected


def test_an_unnamed_column_of_running_numbers_is_left_out_and_said_so(command: Command) -> None:
    y, voice, face = voices()
    pd.DataFrame({"voice": voice, "face": face, "y": y}).to_csv("index.csv")
    found = numbers(command("pid", "index.csv", "--json", *QUICK))
    assert list(found["mi_bits"]) == ["voice", "face"]
    assert "the unnamed column is left out" in found["warnings"][0]
    pd.read_csv("index.csv").to_csv("twice.csv")
    twice = numbers(command("pid", "twice.csv", "--json", *QUICK))
    assert twice["mi_bits"] == found["mi_bits"]
    assert "'Unnamed: 0'" in twice["warnings"][1]


def test_a_column_of_distinct_integers_is_no_modality_unless_it_is_named(command: Command) -> None:
    y, voice, _ = voices()
    clip = np.random.default_rng(1).permutation(60)
    pd.DataFrame({"clip": clip, "voice": voice, "y": y}).to_csv("clips.csv", index=False)
    found = numbers(command("pid", "clips.csv", "--json", *QUICK))
    assert list(found["mi_bits"]) == ["voice"]
    assert "'clip'" in found["warnings"][0]
    named = numbers(command("pid", "clips.csv", "--columns", "clip", "--json"))
    assert named["mi_bits"]["clip"] < 0.5
    assert "clip are all distinct" in named["warnings"][0]
    pd.DataFrame({"clip": clip, "y": y}).to_csv("only.csv", index=False)
    assert "'clip'" in command("pid", "only.csv").err


def test_measurements_of_noise_tell_nothing(command: Command) -> None:
    """As symbols, 60 distinct numbers would tell all of the label."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    table = pd.DataFrame({"noise": rng.normal(size=60), "signal": y + rng.normal(size=60) / 9})
    table.assign(y=y).to_csv("real.csv", index=False)
    found = numbers(command("pid", "real.csv", "--json"))
    assert found["mi_bits"]["noise"] < 0.3
    assert found["interval"]["mi_bits"]["noise"][0] == 0
    assert found["mi_bits"]["signal"] > 1.2
    assert found["joint_mi_bits"] <= found["label_entropy_bits"]
    # Tables hold a share of 1e-6 of independent mass, which costs some 1e-5 bit.
    assert found["lower_bits"]["signal"] <= found["mi_bits"]["signal"] + 1e-4
    assert set(found["models"]) == {"noise", "signal", "all"}
    shown = command("pid", "real.csv").out
    assert "< 0.01" in shown
    assert "held out" in shown


def test_numbers_stored_as_text_are_numbers() -> None:
    measured = typed(np.array([" 1.5", "2", "1e3"]), "a")
    assert measured.tolist() == [1.5, 2.0, 1000.0]
    assert typed(np.array(["1", "b", "2"]), "a").tolist() == ["1", "b", "2"]
    vectors = typed(pd.Series([[1.0, 2.0], [3.0, 4.0]]), "a")
    assert vectors.shape == (2, 2)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,a,y", "1,2,0"], ["['a'] more than once"]),
        (["a,y", "1,0", "1,0,3"], ["line 3", "3 cells", "the header has 2"]),
        (["a,y", "1"], ["line 2", "1 cells"]),
        (["a,y", '"1,0', '2",0', "1,1"], ["line 2", "line 3", "quote"]),
        (["a,y", "0.5,0", "NA,1", "1.5,1"], ["'a' is empty in 1 row(s)", ": 1"]),
        (["a,y", "0.5,0", "low,1", "1.5,1"], ["'a'", "'low'", ": 1"]),
        (["a,y", "1,0", "1,", ",1", "2,"], ["'a' is empty in 1 row(s)", ": 2"]),
        (["a,y", "1,0.5", "1,0.75", "2,0.25"], ["'y'", "3 different values", "bins"]),
        ([",a,y", "5,1,0", "5,1,1"], ["column 1 has no name"]),
        (["", "1,2"], ["no header"]),
    ],
)
def test_broken_tables_are_named(command: Command, lines: list[str], words: list[str]) -> None:
    write_lines("broken.csv", lines[0], lines[1:])
    shown = command("pid", "broken.csv")
    assert shown.code == 1, shown.out
    for word in words:
        assert word in shown.err, shown.err


def test_arrays_in_files_of_their_own_and_tensors(command: Command) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    voice, face = rng.normal(size=(2, 200, 4)) + y[:, None]
    for name, array in {"y": y, "voice": voice, "face": face}.items():
        np.save(f"{name}.npy", array)
    np.savez("all.npz", y=y, voice=voice, face=face)
    torch.save({"y": torch.as_tensor(y), "voice": torch.as_tensor(voice),
                "face": torch.as_tensor(face)}, "all.pt")  # fmt: skip
    files = ("--modality", "voice=voice.npy", "--modality", "face=face.npy", "--json")
    expected = numbers(command("pid", "all.npz", "--json"))
    assert numbers(command("pid", "y.npy", *files)) == expected
    assert numbers(command("pid", "all.pt", "--json")) == expected
    torch.save([1, 2], "list.pt")
    assert "expected a dict of tensors" in command("pid", "list.pt").err
    Path("broken.pt").write_bytes(b"no tensors")
    assert "broken.pt cannot be read" in command("pid", "broken.pt").err


def test_columns_that_make_one_modality_and_groups(command: Command) -> None:
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(30), 8)
    y = rng.integers(0, 2, 240)
    table = pd.DataFrame({f"v{k}": rng.normal(size=240) + y for k in range(3)})
    table["speaker"], table["y"] = [f"s{s}" for s in speaker], y
    table.to_csv("speakers.csv", index=False)
    arguments = ("--modality", "voice=v?", "--group", "speaker", "--json")
    found = numbers(command("pid", "speakers.csv", *arguments))
    assert list(found["mi_bits"]) == ["voice"]
    assert found["mi_bits"]["voice"] > 0.1
    assert "fits 'w?'" in command("pid", "speakers.csv", "--modality", "voice=w?").err
    few = command("pid", "speakers.csv", "--columns", "v0", "--group", "y")
    assert "groups holds 2 different ids" in few.err


def test_parquet_is_read_or_its_package_is_named(command: Command) -> None:
    y, voice, _ = voices()
    table = pd.DataFrame({"voice": voice, "y": y})
    try:
        table.to_parquet("voices.parquet")
    except ImportError:
        Path("voices.parquet").write_bytes(b"PAR1")
        assert "pyarrow" in command("pid", "voices.parquet").err
    else:
        assert list(numbers(command("pid", "voices.parquet", "--json"))["mi_bits"]) == ["voice"]


def test_every_sample_has_its_part(command: Command) -> None:
    y, voice, face = voices(300)
    np.savez("v.npz", y=y, voice=voice + 0.1 * np.random.default_rng(1).normal(size=300), face=face)
    found = numbers(command("pid", "v.npz", "--json", "--pointwise", "parts.csv"))
    parts = pd.read_csv("parts.csv")
    assert len(parts) == 300
    means = parts.mean()
    assert means["unique voice"] == pytest.approx(found["unique_bits"]["voice"], abs=1e-9)
    assert means["redundancy"] == pytest.approx(found["redundancy_bits"], abs=1e-9)
    assert means["I(all; Y)"] == pytest.approx(found["joint_mi_bits"], abs=1e-9)
    assert "parts.txt" in command("pid", "v.npz", "--pointwise", "parts.txt").err
    one = command("pid", "v.npz", "--columns", "face", *QUICK, "--pointwise", "one.csv")
    assert "two modalities" in one.err


def test_pairs_share_one_table_and_their_p_values_are_corrected(command: Command) -> None:
    y, voice, face = voices(200)
    np.savez("three.npz", y=y, voice=voice, face=face, hand=face[::-1])
    found = numbers(command("pid", "three.npz", "--pairs", "all", "--json", *QUICK))
    assert list(found["pairs"]) == ["voice/face", "voice/hand", "face/hand"]
    pair = found["pairs"]["voice/face"]
    assert set(pair["p_holm"]) == {"unique voice", "unique face", "redundancy", "synergy"}
    assert pair["p_holm"]["unique voice"] == 1  # of 12 tests, each at best 1/4
    assert math.isclose(pair["p_value"]["unique_bits"]["voice"], 0.25)
    shown = command("pid", "three.npz", "--pairs", "voice/face", *QUICK, "--shuffles", "99")
    assert "p (Holm)" in shown.out
    assert "< 0.01" in shown.out
    assert "hand" not in shown.out
    assert "'voice/none'" in command("pid", "three.npz", "--pairs", "voice/none").err


def test_too_many_modalities_at_once_are_refused(command: Command) -> None:
    y, voice, _ = voices()
    np.savez("many.npz", y=y, **{f"v{k}": voice for k in range(9)})
    assert "--columns" in command("pid", "many.npz").err
    assert "--samples" in command("pid", "many.npz", "--samples", "few").err
