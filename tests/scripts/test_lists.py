"""The scripts that write lists, and the experiments on these, on files in their layout."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile

from fusion_sched.runlog import read_trace
from scripts.lists import openclipart, ravdess
from tests.conftest import run_once

SHORT = (
    "stage1.epochs=1", "stage2.epochs=1", "probe=kmeans", "controller=fixed", "robustness=false",
    "tracker=none",
)  # fmt: skip


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Return a folder of two recordings of each of 24 actors, and their action units."""
    rng, rows = np.random.default_rng(0), []
    for actor in range(1, 25):
        (tmp_path / f"Actor_{actor:02d}").mkdir()
        for emotion in (1, 2):
            clip = f"01-{emotion:02d}-01-01-01-{actor:02d}"
            path = tmp_path / f"Actor_{actor:02d}" / f"03-{clip}.wav"
            soundfile.write(path, rng.normal(0, 0.1, 4000), 8000)
            rows.append({"clip": clip, "AU01_r": rng.random(), "AU12_c": rng.random()})
    pd.DataFrame(rows).to_csv(tmp_path / "units.csv", index=False)
    return tmp_path


def test_ravdess_lists_what_has_sound_and_units(
    speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (speech / "Actor_01" / "03-01-01-01-01-01-01.wav").unlink()
    assert ravdess.write_list(speech, speech / "units.csv", speech / "ravdess.csv") == 47
    assert "left out 1 clips" in capsys.readouterr().out
    rows = pd.read_csv(speech / "ravdess.csv")
    assert set(rows.label) == {"neutral", "calm"}
    assert rows.groupby("group").fold.nunique().eq(1).all()
    assert rows.fold.nunique() == len(ravdess.FOLDS)
    assert sorted(sum(ravdess.FOLDS, ())) == list(range(1, 25))


@pytest.mark.parametrize("missing", ["sounds", "units"])
def test_ravdess_names_what_is_missing(speech: Path, missing: str) -> None:
    if missing == "units":
        (speech / "units.csv").write_text("clip\n01-01-01-01-01-01\n")
    folder = speech if missing == "units" else speech / "elsewhere"
    with pytest.raises(SystemExit, match="03-01" if missing == "sounds" else "AU"):
        ravdess.write_list(folder, speech / "units.csv", speech / "ravdess.csv")


def test_the_experiment_ravdess_trains(speech: Path) -> None:
    ravdess.write_list(speech, speech / "units.csv", speech / "ravdess.csv")
    run_once(speech / "run", "+experiment=ravdess", f"dataset.root={speech}", "dataset.fold=1",
             *SHORT)  # fmt: skip
    start = read_trace(speech / "run").start
    assert start["modalities"] == {"audio": [1, 32, 48], "video": [2]}
    assert start["split_sizes"]["test"] == 2 * len(ravdess.FOLDS[1])


def test_the_experiment_openclipart_trains(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), []
    for number in range(60):
        name = f"{number:05d}.jpg"
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        rows.append({"file": name, "category": "ab"[number % 2], "title": f"a title {number}",
                     "group": number % 10, "creator_fold": number % 5})  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "items.csv", index=False)
    assert openclipart.write_list(tmp_path, tmp_path / "openclipart.csv") == 60
    for name in ("openclipart.csv", "random.csv"):
        run = tmp_path / f"run_{name}"
        run_once(run, "+experiment=openclipart", f"dataset.root={tmp_path}",
                 f"dataset.list={tmp_path / name}", *SHORT)  # fmt: skip
        assert read_trace(run).start["split_sizes"]["test"] == 12
