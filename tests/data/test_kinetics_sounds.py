"""Kinetics-Sounds' lists as they are and as they go wrong; sample data from files to samples."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fusion_sched.data.kinetics_sounds import CLASSES, KineticsSounds

SMALL = {"rate": 8000, "n_fft": 126, "hop": 800, "frames": 1, "size": 32}
TRAIN = [f"train-{number:05d}_000010_000020,10,{number % 2}" for number in range(24)]
TEST = ["-00nar1nEPc_33,10,1", "abc_def-h_k_0,10,0"]


def write_lists(root: Path, train: Sequence[str] = TRAIN, test: Sequence[str] = TEST) -> Path:
    for name, rows in (("my_train.txt", train), ("my_test.txt", test)):
        (root / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return root


def test_both_forms_of_a_row_become_clips(tmp_path: Path) -> None:
    listing = KineticsSounds(root=str(write_lists(tmp_path))).listing()
    clips = {clip.id: clip for clip in listing.clips}
    first = clips["train-00000_000010"]
    assert first.files["visual"] == tmp_path / "train" / "train-00000_000010_000020.mp4"
    assert first.files["audio"] == first.files["visual"]
    tested = clips["-00nar1nEPc_000033"]
    assert tested.files["audio"] == tmp_path / "test" / "-00nar1nEPc_000033_000043.mp4"
    assert (tested.label, tested.group, tested.split) == (1, "-00nar1nEPc", "test")
    assert clips["abc_def-h_k_000000"].group == "abc_def-h_k"
    assert listing.classes == CLASSES
    assert len(set(CLASSES)) == 31
    assert list(CLASSES) == sorted(CLASSES)


def test_validation_is_drawn_from_every_class_of_the_training_list(tmp_path: Path) -> None:
    write_lists(tmp_path)
    splits = {}
    for seed in (0, 0, 1):
        clips = KineticsSounds(root=str(tmp_path), split_seed=seed).listing().clips
        held_out = [clip for clip in clips if clip.split == "validation"]
        assert {clip.label for clip in held_out} == {0, 1}
        assert all(clip.files["audio"].parent.name == "train" for clip in held_out)
        assert sum(clip.split == "test" for clip in clips) == 2
        splits.setdefault(seed, []).append({clip.id for clip in held_out})
    assert splits[0][0] == splits[0][1] != splits[1][0]


@pytest.mark.parametrize("text", ["\ufeff{}", "{}"])
def test_marks_and_line_ends_do_not_matter(tmp_path: Path, text: str) -> None:
    write_lists(tmp_path)
    rows = text.format("\r\n".join([*TRAIN, "", ""]))
    (tmp_path / "my_train.txt").write_text(rows, encoding="utf-8", newline="")
    listing = KineticsSounds(root=str(tmp_path)).listing()
    assert len(listing.clips) == 26
    assert not listing.issues


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ("train-00099_000010_000020,10", "broken row", "expected VIDEOID_START_END,10,CLASSID"),
        ("train-00099,10,4", "broken row", "'train-00099,10,4'"),
        ("train-99_000010_000020,10,4", "broken row", "correct it"),
        ("train-00099_000010_000020,10,singing", "broken row", "singing"),
        ("train-00099_000010_000020,10,31", "unknown label", "'31', expected one of the 31"),
        ("train-00000_000010_000020,10,1", "listed twice", "class 0 in train and as class 1"),
    ],
)
def test_rows_that_are_no_clip_are_fatal_issues(
    tmp_path: Path, row: str, kind: str, said: str
) -> None:
    listing = KineticsSounds(root=str(write_lists(tmp_path, [*TRAIN, row]))).listing()
    assert len(listing.clips) == 26
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == (kind, True)
    assert said in issue.message


def test_absent_and_empty_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"my_train\.txt does not exist(.|\n)*OGM-GE"):
        KineticsSounds(root=str(tmp_path)).listing()
    write_lists(tmp_path, test=[])
    with pytest.raises(ValueError, match=r"my_test\.txt holds 0 bytes"):
        KineticsSounds(root=str(tmp_path)).listing()
    (tmp_path / "my_train.txt").write_text("\n\n", encoding="utf-8")
    (tmp_path / "my_test.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no row of .* is a clip to train on"):
        KineticsSounds(root=str(tmp_path)).listing()


def test_paths_follow_the_patterns(tmp_path: Path) -> None:
    write_lists(tmp_path)
    data = KineticsSounds(
        root=str(tmp_path), audio_files="wav/{video}.wav",
        visual_files="{split}/{label}/{video}_{start:06d}_{end:06d}.mp4",
    )  # fmt: skip
    clips = {clip.id: clip for clip in data.listing().clips}
    assert clips["-00nar1nEPc_000033"].files == {
        "audio": tmp_path / "wav" / "-00nar1nEPc.wav",
        "visual": tmp_path / "test" / "blowing out candles" / "-00nar1nEPc_000033_000043.mp4",
    }
    with pytest.raises(ValueError, match=r"fields of \{video\}, \{start\}, \{end\}"):
        KineticsSounds(root=".", audio_files="{video}_{stop}.wav")
    with pytest.raises(ValueError, match="listed is 'some'"):
        KineticsSounds(root=".", listed="some")


def test_what_is_not_on_disk_is_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    write_lists(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"train does not exist"):
        KineticsSounds(root=str(tmp_path), listed="present").listing()
    for clip in KineticsSounds(root=str(tmp_path)).listing().clips:
        clip.files["audio"].parent.mkdir(exist_ok=True)
        clip.files["audio"].touch()
    assert not KineticsSounds(root=str(tmp_path), listed="present").listing().issues
    for name in ("train/train-00000_000010_000020.mp4", "test/abc_def-h_k_000000_000010.mp4"):
        (tmp_path / name).unlink()
    listing = KineticsSounds(root=str(tmp_path), listed="present").listing()
    assert len(listing.clips) == 24
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == ("not on disk", False)
    assert "2 of 26 listed clips are not on disk" in issue.message
