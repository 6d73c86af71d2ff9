"""VGGSound's list as it is and as it goes wrong; sample data from files to samples."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.vggsound import VGGSound

SMALL = {"rate": 8000, "n_fft": 126, "hop": 800, "frames": 1, "size": 32}
COWBELL = '"cattle, bovinae cowbell"'
TRAIN = [f"train-{n:05d},{n},{COWBELL if n % 2 else 'thunder'},train" for n in range(24)]
TEST = [f"FwVYUHKoLtQ,34,{COWBELL},test", "---g-f_I2yQ,1,thunder,test"]


def write_list(root: Path, rows: Sequence[str]) -> Path:
    text = "".join(f"{row}\n" for row in rows)
    (root / "vggsound.csv").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vggsound")
    VGGSound.write_sample(out, SampleSpec(clips=26, seed=1))
    return out


def test_a_row_becomes_a_clip(tmp_path: Path) -> None:
    listing = VGGSound(root=str(write_list(tmp_path, [*TEST, *TRAIN]))).listing()
    clips = {clip.id: clip for clip in listing.clips}
    assert listing.classes == ["cattle, bovinae cowbell", "thunder"]
    clip = clips["FwVYUHKoLtQ_000034"]
    assert (clip.label, clip.split, clip.group) == (0, "test", "FwVYUHKoLtQ")
    assert clip.files == dict.fromkeys(
        ("audio", "visual"), tmp_path / "video" / "FwVYUHKoLtQ_000034.mp4"
    )
    assert {c.label for c in listing.clips if c.split == "validation"} == {0, 1}
    assert not listing.issues


def test_class_ids_do_not_follow_the_rows(tmp_path: Path) -> None:
    found = []
    for rows in ([*TRAIN, *TEST], [*TEST[::-1], *TRAIN[::-1]]):
        listing = VGGSound(root=str(write_list(tmp_path, rows))).listing()
        found.append({clip.id: clip.label for clip in listing.clips})
    assert found[0] == found[1]


def test_a_class_list_keeps_the_ids_of_a_shortened_list(tmp_path: Path) -> None:
    write_list(tmp_path, [*TRAIN, *TEST, "abcdefghijk,3,air horns,test"])
    text = 'thunder,325\r\n"cattle, bovinae cowbell",644\r\nair horn,197\r\n'
    (tmp_path / "stat.csv").write_text(text, encoding="utf-8", newline="")
    listing = VGGSound(root=str(tmp_path), class_list="stat.csv").listing()
    assert listing.classes == ["air horn", "cattle, bovinae cowbell", "thunder"]
    assert {clip.label for clip in listing.clips} == {1, 2}
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == ("unknown label", True)
    assert "vggsound.csv row 27 has the label 'air horns'" in issue.message
    with pytest.raises(FileNotFoundError, match=r"names\.csv does not exist"):
        VGGSound(root=str(tmp_path), class_list="names.csv").listing()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_line_ends_do_not_matter(tmp_path: Path, mark: str) -> None:
    text = mark + "\r\n".join([*TRAIN, "", *TEST])
    (tmp_path / "vggsound.csv").write_text(text, encoding="utf-8", newline="")
    listing = VGGSound(root=str(tmp_path)).listing()
    assert len(listing.clips) == 26
    assert not listing.issues


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ("abcdefghijk,3,air horn", "broken row", "expected YOUTUBE_ID,START_SECONDS,LABEL"),
        ("abcdefghijk,3,air horn,valid", "broken row", "valid"),
        ("abcdefghijk,3,cattle, bovinae cowbell,train", "broken row", "correct it"),
        ("youtube_id,start,label,split", "broken row", "row 27"),
        ("FwVYUHKoLtQ,34,thunder,train", "listed twice", "class 0 in test and as class 1 in train"),
    ],
)
def test_rows_that_are_no_clip_are_fatal_issues(
    tmp_path: Path, row: str, kind: str, said: str
) -> None:
    listing = VGGSound(root=str(write_list(tmp_path, [*TRAIN, *TEST, row]))).listing()
    assert len(listing.clips) == 26
    assert listing.classes == ["cattle, bovinae cowbell", "thunder"]
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == (kind, True)
    assert said in issue.message


def test_absent_and_empty_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"vggsound\.csv does not exist(.|\n)*hche11"):
        VGGSound(root=str(tmp_path)).listing()
    with pytest.raises(ValueError, match=r"vggsound\.csv holds 0 bytes"):
        VGGSound(root=str(write_list(tmp_path, []))).listing()
    with pytest.raises(ValueError, match=r"no row of vggsound\.csv is a clip to train on"):
        VGGSound(root=str(write_list(tmp_path, TEST))).listing()


def test_paths_follow_the_patterns(tmp_path: Path) -> None:
    data = VGGSound(
        root=str(write_list(tmp_path, [*TRAIN, *TEST])), audio_files="audio/{video}_{start}.wav",
        visual_files="{split}-set-img/{video}_{start}.mp4",
    )  # fmt: skip
    clips = {clip.id: clip for clip in data.listing().clips}
    assert clips["---g-f_I2yQ_000001"].files == {
        "audio": tmp_path / "audio" / "---g-f_I2yQ_1.wav",
        "visual": tmp_path / "test-set-img" / "---g-f_I2yQ_1.mp4",
    }
    with pytest.raises(ValueError, match=r"visual_files is .* fields of \{video\}, \{start\}"):
        VGGSound(root=".", visual_files="{video}_{end}.mp4")
    with pytest.raises(ValueError, match="listed is 'some'"):
        VGGSound(root=".", listed="some")


def test_clips_need_both_files_to_be_present(tmp_path: Path) -> None:
    data = VGGSound(
        root=str(write_list(tmp_path, [*TRAIN, *TEST])), listed="present",
        audio_files="audio/{video}.wav", visual_files="frames/{video}",
    )  # fmt: skip
    with pytest.raises(FileNotFoundError, match="audio does not exist"):
        data.listing()
    (tmp_path / "audio").mkdir()
    for row in [*TRAIN, *TEST]:
        (tmp_path / "frames" / row[:11]).mkdir(parents=True)
        (tmp_path / "audio" / f"{row[:11]}.wav").touch()
    assert not data.listing().issues
    (tmp_path / "audio" / "train-00003.wav").unlink()
    (tmp_path / "frames" / "---g-f_I2yQ").rmdir()
    listing = data.listing()
    assert len(listing.clips) == 24
    (issue,) = listing.issues
    assert not issue.fatal
    assert "2 of 26 listed clips are not on disk" in issue.message


def test_a_missing_clip_is_named_skipped_or_left_out(sample: Path, tmp_path: Path) -> None:
    rows = (sample / "vggsound.csv").read_text(encoding="utf-8").splitlines()
    write_list(tmp_path, [*rows, "abcdefghijk,7,airplane flyby,train"])
    (tmp_path / "video").symlink_to(sample / "video")
    with pytest.raises(ValueError, match=r"damaged: 2 missing(.|\n)*abcdefghijk_000007\.mp4"):
        VGGSound(root=str(tmp_path), **SMALL).load()
    skipped = VGGSound(root=str(tmp_path), on_error="skip", **SMALL).load()
    left_out = VGGSound(root=str(tmp_path), listed="present", **SMALL).load()
    for splits in (skipped, left_out):
        assert sum(len(s) for s in (splits.train, splits.validation, splits.test)) == 26
