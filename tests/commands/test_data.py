"""fusion-sched data: what a user sees, types and gets as an exit code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fusion_sched.commands.choices import list_choices
from fusion_sched.commands.data import open_dataset, parse_strength
from tests.conftest import Answer

Command = Callable[..., Answer]


@pytest.fixture
def root(cremad_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(cremad_root, tmp_path / "cremad"))


def clips(root: Path) -> list[Path]:
    return sorted((root / "AudioWAV").iterdir())


def stores(root: Path) -> dict[str, int]:
    """Return the stores under a root, each with what tells it from one made again."""
    return {p.name: p.stat().st_ino for p in (root / ".fusion_sched").iterdir() if p.is_dir()}


def test_a_sound_dataset_passes(command: Command, cremad_root: Path) -> None:
    answer = command("data", "check", "cremad", "--root", str(cremad_root))
    assert answer.code == 0
    assert "every clip can be read; the test clips are not those of a known split" in answer.out
    assert "6 of 6" in answer.out
    assert "shared actor" in answer.out


def test_every_kind_of_damage_is_counted_and_named(command: Command, root: Path) -> None:
    wav = clips(root)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    wav[0].write_bytes(pointer)
    wav[1].unlink()
    soundfile.write(wav[2], np.zeros(0), 16000)
    wav[3].write_bytes(wav[3].read_bytes()[:9000])
    soundfile.write(wav[4], np.zeros(40000), 16000)
    soundfile.write(wav[5], np.random.default_rng(0).normal(0, 0.1, (40000, 2)), 16000)
    soundfile.write(wav[6], np.sin(np.arange(40000)), 16000, subtype="PCM_U8")
    videos = sorted((root / "VideoFlash").iterdir())
    videos[7].write_bytes(videos[7].read_bytes()[: videos[7].stat().st_size // 2])
    videos[8].write_bytes(b"FLV\x01\x05\x00\x00\x00\x09")
    with (root / "train.csv").open("a") as rows:
        rows.write("1099_DFA_JOY_XX,JOY\r\n1098_DFA_ANG_XX,ANG\r\n")
    answer = command("data", "check", "cremad", "--root", str(root), "--json")
    assert answer.code == 1
    report = json.loads(answer.out)
    found: dict[str, set[str]] = {}
    for issue in report["faults"]:
        found.setdefault(issue["kind"], set()).add(issue["clip"])
    assert found["git-lfs pointer"] == {wav[0].stem}
    assert {wav[1].stem, "1098_DFA_ANG_XX"} == found["missing"]
    assert found["no audio"] == {wav[2].stem}
    assert found["silent"] == {wav[4].stem}
    assert found["stereo"] == {wav[5].stem}
    assert found["8-bit"] == {wav[6].stem}
    assert found["truncated"] == {wav[3].stem, videos[7].stem}
    assert {videos[8].stem} == found.get("no frames", set()) | found.get("unreadable", set())
    assert len(found["unknown label"]) == 1
    assert report["fatal"] == sum(issue["fatal"] for issue in report["faults"])
    table = command("data", "check", "cremad", "--root", str(root))
    assert table.code == 1
    assert "training refuses unless dataset.on_error=skip" in table.out


def test_own_files_are_written_checked_and_prepared(command: Command, tmp_path: Path) -> None:
    answer = command("data", "sample", "files", "--out", "own", "--clips", "40")
    assert answer.code == 0
    assert "fusion-sched train dataset=files dataset.root=own/clips" in answer.out
    assert "dataset.list=own/pictures.csv encoder=by_modality" in answer.out
    small = ("dataset.size=8", "dataset.seconds=0.5")
    answer = command("data", "check", "files", *small, "--root", "own/clips")
    assert answer.code == 0
    assert "audio: Spectrogram (1, 64, 32)\nvisual: Frames (3, 8, 8)" in answer.out
    assert "every clip can be read\n" in answer.out
    sorted(Path("own/clips").glob("*/*.avi"))[0].unlink()
    answer = command("data", "check", "files", *small, "--root", "own/clips")
    assert answer.code == 1
    assert "has no visual" in answer.out
    answer = command("data", "prepare", "files", *small, "--root", "own/clips", "--workers", "1")
    assert answer.out.startswith("39 clips, ")
    assert "see them by `fusion-sched data check files --root=own/clips`" in answer.out
    answer = command("data", "check", "files")
    assert answer.code == 1
    assert "neither dataset.root nor dataset.list is set" in answer.err


def test_settings_of_the_dataset_are_taken_and_others_refused(
    command: Command, cremad_root: Path
) -> None:
    answer = command("data", "check", "cremad", "dataset.split=actor", "--root", str(cremad_root))
    assert answer.code == 0
    assert "shared actor" not in answer.out
    answer = command("data", "check", "cremad", "seed=3", "--root", str(cremad_root))
    assert answer.code == 1
    assert "expected settings of the dataset, as in dataset.split=actor" in answer.err
    answer = command("data", "check", "cremad", "dataset.spilt=actor", "--root", str(cremad_root))
    assert "spilt" in answer.err


def test_prepare_makes_the_store_that_training_finds(command: Command, root: Path) -> None:
    small = ("dataset.size=16", "dataset.audio_size=[16,16]")
    answer = command("data", "prepare", "cremad", *small, "--root", str(root), "--workers", "1")
    assert answer.code == 0
    assert answer.out.startswith("72 clips, ")
    before = stores(root)
    settings = ("dataset=cremad", f"dataset.root={root}", *small, "encoder=mlp")
    trained = command(
        "train", *settings, "stage1.epochs=1", "stage2.epochs=1", "robustness=false",
        "tracker=none", "probe=kmeans", "controller=fixed",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert stores(root) == before


def test_prepare_says_what_could_not_be_read(command: Command, root: Path) -> None:
    clips(root)[0].write_bytes(b"")
    answer = command(
        "data", "prepare", "cremad", "dataset.size=16", "dataset.audio_size=[16,16]", "--root",
        str(root),
    )  # fmt: skip
    assert answer.code == 0
    assert "1 issue(s), so training will refuse" in answer.out


def test_sample_writes_once_and_says_how_to_train(command: Command, tmp_path: Path) -> None:
    answer = command("data", "sample", "cremad", "--out", "made", "--clips", "72")
    assert answer.code == 0
    assert "fusion-sched train +experiment=cremad_smoke dataset.root=made" in answer.out
    again = command("data", "sample", "cremad", "--out", "made")
    assert again.code == 1
    assert "made already exists and is not an empty folder" in again.err


def test_training_without_the_data_says_how_to_get_it(command: Command) -> None:
    answer = command("train", "+experiment=cremad")
    assert answer.code == 1
    for part in (
        "AudioWAV does not exist", "expected under dataset.root", "git lfs pull", "2.4 GB",
        "Open Database License", "fusion-sched data sample cremad --out",
    ):  # fmt: skip
        assert part in answer.err, part


def test_names_that_are_not_datasets_on_disk(command: Command) -> None:
    answer = command("data", "check", "cremadd")
    assert answer.code == 1
    assert "no dataset is called 'cremadd'; known: arrays" in answer.err
    assert "is not on disk" in command("data", "check", "digits_cg").err


def test_what_may_not_be_fetched_is_explained(command: Command) -> None:
    answer = command("data", "fetch", "ave")
    assert answer.code == 1
    assert "cannot be fetched by this program. Get it from" in answer.err


@pytest.mark.parametrize("text", ["audio", "audio=loud", "audio=1.5", "=0.3,visual=-1"])
def test_impossible_strengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected MODALITY=NUMBER between 0"):
        parse_strength(text)


def test_strengths_are_read() -> None:
    assert parse_strength("audio=0.9, visual=0") == {"audio": 0.9, "visual": 0.0}
    assert parse_strength("") == {}


def test_a_root_may_hold_any_character(tmp_path: Path) -> None:
    for name in ("with space", "a=b,c", "it's", "[x]{y}"):
        assert open_dataset("cremad", tmp_path / name).root == str(tmp_path / name)


def test_every_dataset_on_disk_has_an_experiment() -> None:
    on_disk = {"cremad", "ave", "kinetics_sounds", "vggsound", "ucf101", "cgmnist", "food101",
               "mosi", "mosei", "avdigits"}  # fmt: skip
    assert on_disk <= set(list_choices()["dataset"])
    assert on_disk <= set(list_choices()["experiment"])
