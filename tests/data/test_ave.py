"""AVE's lists as they are and as they go wrong; sample data from files to samples."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fusion_sched.data.ave import AVE, CLASSES
from fusion_sched.data.clips.check import shared_groups
from fusion_sched.data.samples.files import write_frames, write_wav
from fusion_sched.data.samples.spec import SampleSpec, plan_sample
from fusion_sched.data.samples.videos import write_sample_videos

SMALL = {"rate": 8000, "n_fft": 126, "hop": 800, "frames": 2, "size": 32}
BELL = "Church bell&RUhOCu3LNXM&good&0&10"
CAR = "Race car, auto racing&abcdefghijk&good&2&9"
GOAT = "Goat&-3jhHgFEUp4&good&0&4"


def write_lists(
    root: Path,
    train: Sequence[str],
    validation: Sequence[str] = (CAR,),
    test: Sequence[str] = (GOAT,),
) -> Path:
    named = {"trainSet.txt": train, "valSet.txt": validation, "testSet.txt": test}
    for name, rows in named.items():
        (root / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ave")
    AVE.write_sample(out, SampleSpec(clips=20, seed=3))
    return out


def test_a_row_becomes_a_clip(tmp_path: Path) -> None:
    listing = AVE(root=str(write_lists(tmp_path, [BELL]))).listing()
    bell, car, goat = listing.clips
    assert bell.id == "train/RUhOCu3LNXM_00_0-10"
    assert [clip.split for clip in listing.clips] == ["train", "validation", "test"]
    assert [listing.classes[clip.label] for clip in (bell, car, goat)] == [
        "Church bell", "Race car, auto racing", "Goat"
    ]  # fmt: skip
    assert goat.files == dict.fromkeys(("audio", "visual"), tmp_path / "AVE" / "-3jhHgFEUp4.mp4")
    assert (goat.start, goat.seconds) == (0.0, None), "the whole video, not the event"
    assert not listing.issues
    assert len(set(listing.classes)) == 28


def test_class_ids_do_not_follow_the_rows(tmp_path: Path) -> None:
    first = AVE(root=str(write_lists(tmp_path, [BELL, GOAT], test=[CAR]))).listing()
    second = AVE(root=str(write_lists(tmp_path, [GOAT, BELL], test=[CAR]))).listing()
    labels = [{clip.id: clip.label for clip in listing.clips} for listing in (first, second)]
    assert labels[0] == labels[1]
    assert first.classes == second.classes == CLASSES


@pytest.mark.parametrize("start", ["", "\ufeff", "Category&VideoID&Quality&StartTime&EndTime\r\n"])
def test_marks_line_ends_headers_and_empty_lines_do_not_matter(tmp_path: Path, start: str) -> None:
    write_lists(tmp_path, [])
    text = f"{start}{BELL}\r\n\r\n{CAR}\r\n"
    (tmp_path / "trainSet.txt").write_text(text, encoding="utf-8", newline="")
    listing = AVE(root=str(tmp_path)).listing()
    assert [clip.group for clip in listing.clips if clip.split == "train"] == [
        "RUhOCu3LNXM", "abcdefghijk"
    ]  # fmt: skip
    assert not listing.issues


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ("Church bell&RUhOCu3LNXM&good&0", "broken row", "expected Category&VideoID"),
        ("Church bell&&good&0&10", "broken row", "correct it"),
        ("Church bell&RUhOCu3LNXM&good&zero&10", "broken row", "zero"),
        ("Church Bell&RUhOCu3LNXM&good&0&10", "unknown label", "'Church Bell', expected one of"),
    ],
)
def test_rows_that_are_no_clip_are_fatal_issues(
    tmp_path: Path, row: str, kind: str, said: str
) -> None:
    listing = AVE(root=str(write_lists(tmp_path, [BELL, row]))).listing()
    assert len(listing.clips) == 3
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == (kind, True)
    assert "trainSet.txt row 2" in issue.message
    assert said in issue.message


def test_a_video_with_two_events_is_taken_once_or_twice(tmp_path: Path) -> None:
    again = "Bark&RUhOCu3LNXM&good&3&5"
    write_lists(tmp_path, [BELL, again])
    once = AVE(root=str(tmp_path)).listing()
    assert [clip.label for clip in once.clips if clip.split == "train"] == [0]
    (issue,) = once.issues
    assert (issue.kind, issue.fatal) == ("repeated video", False)
    assert "'Church bell' and 'Bark'" in issue.message
    twice = AVE(root=str(tmp_path), repeated="keep").listing()
    assert [clip.id for clip in twice.clips if clip.split == "train"] == [
        "train/RUhOCu3LNXM_00_0-10", "train/RUhOCu3LNXM_02_3-5"
    ]  # fmt: skip
    assert not twice.issues


def test_the_same_row_twice_is_an_issue(tmp_path: Path) -> None:
    write_lists(tmp_path, [BELL, BELL])
    listing = AVE(root=str(tmp_path), repeated="keep").listing()
    assert [issue.kind for issue in listing.issues] == ["listed twice"]
    assert sum(clip.split == "train" for clip in listing.clips) == 1


def test_a_video_in_two_splits_stays_and_is_reported(tmp_path: Path) -> None:
    listing = AVE(root=str(write_lists(tmp_path, [BELL], test=[BELL]))).listing()
    assert [clip.split for clip in listing.clips] == ["train", "validation", "test"]
    (issue,) = shared_groups(listing)
    assert (issue.kind, issue.fatal) == ("shared video", False)
    assert "RUhOCu3LNXM" in issue.message


def test_absent_and_empty_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trainSet\.txt does not exist(.|\n)*AVE-ECCV18"):
        AVE(root=str(tmp_path)).listing()
    write_lists(tmp_path, [BELL], validation=[])
    with pytest.raises(ValueError, match=r"valSet\.txt holds 0 bytes"):
        AVE(root=str(tmp_path)).listing()


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"repeated": "drop"}, r"repeated is 'drop', expected one of \['first', 'keep'\]"),
        ({"audio_files": "audio/{name}.wav"}, r"audio_files is .*KeyError.* fields of \{video\}"),
        ({"visual_files": "AVE/{video.mp4"}, "visual_files is .*cannot be filled in"),
        ({"visual_files": "AVE/one.mp4"}, "the same file for every clip"),
    ],
)
def test_bad_knobs_are_named(knobs: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AVE(root=".", **knobs)


def test_extracted_sound_and_frames_are_read_instead(tmp_path: Path) -> None:
    write_lists(tmp_path, [BELL])
    rng = np.random.default_rng(0)
    write_wav(tmp_path / "audio" / "RUhOCu3LNXM.wav", rng.uniform(-0.5, 0.5, 4000), 8000)
    white = np.full((10, 24, 32, 3), 255, np.uint8)
    write_frames(tmp_path / "Image-01-FPS" / "RUhOCu3LNXM", white)
    data = AVE(
        root=str(tmp_path), audio_files="audio/{video}.wav", visual_files="Image-01-FPS/{video}",
        **SMALL,
    )  # fmt: skip
    listing = data.listing()
    modalities = data.readers(listing)
    sound = modalities["audio"].read(listing.clips[0])
    assert sound.shape == modalities["audio"].stored_shape
    assert np.isfinite(sound).all()
    pictures = modalities["visual"].read(listing.clips[0])
    assert pictures.shape == (2, 32, 32, 3)
    assert pictures.min() > 250


def test_sample_data_goes_from_files_to_samples(sample: Path, tmp_path: Path) -> None:
    data = AVE(root=str(sample), store=str(tmp_path), **SMALL)
    report = data.check()
    assert [issue.message for issue in report.issues if issue.fatal] == []
    shown = {name for names in report.counts.values() for name, n in names.items() if n}
    assert len(shown) == 2
    assert all(report.counts[split][name] for split in report.counts for name in shown)
    splits = data.load()
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [12, 4, 4]
    assert splits.shapes == {"audio": (1, 64, 100), "visual": (2, 3, 32, 32)}
    assert splits.classes == CLASSES
    rows = (sample / "Annotations.txt").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 21
    assert rows[0] == "Category&VideoID&Quality&StartTime&EndTime"


def test_a_video_that_is_missing_is_named_or_skipped(sample: Path, tmp_path: Path) -> None:
    root = shutil.copytree(sample, tmp_path / "copy", copy_function=shutil.copy)
    gone = next(iter(sorted((root / "AVE").iterdir())))
    gone.unlink()
    with pytest.raises(ValueError, match=rf"damaged: 2 missing(.|\n)*{gone.name}"):
        AVE(root=str(root), **SMALL).load()
    splits = AVE(root=str(root), on_error="skip", **SMALL).load()
    assert sum(len(s) for s in (splits.train, splits.validation, splits.test)) == 19


def test_sample_data_depends_on_its_seed_only(tmp_path: Path) -> None:
    splits = ("train", "test")
    clips, files = [], []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        spec = SampleSpec(clips=20, seed=seed)
        clips.append(plan_sample(spec, 28, 10, splits))
        write_sample_videos({clips[0][0]: tmp_path / f"{name}.mp4"}, spec)
        files.append((tmp_path / f"{name}.mp4").read_bytes())
    assert clips[0] == clips[1] != clips[2]
    assert files[0] == files[1] != files[2]
