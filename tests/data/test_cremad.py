"""CREMA-D: sample data in its layout, damaged in known ways, and the published lists."""

import os
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from fusion_sched.data.clips.check import recognise, store_issues
from fusion_sched.data.clips.files import LFS_HEADER, split_fingerprint
from fusion_sched.data.clips.types import Listing
from fusion_sched.data.cremad import CLASSES, SOURCE, CremaD, emotion_of
from fusion_sched.data.samples.files import write_frames
from fusion_sched.data.samples.spec import SampleSpec

LISTS = Path(__file__).parents[3] / "shared" / "data" / "cremad"
needs_lists = pytest.mark.skipif(
    not (LISTS / "train.csv").is_file(), reason=f"the published lists are not in {LISTS}"
)
SMALL = {"size": 32, "audio_size": (32, 32)}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cremad")
    CremaD.write_sample(out, SampleSpec(clips=96, seed=3))
    return out


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "cremad"))


def kinds(listing: Listing) -> dict[str, str]:
    return {issue.kind: issue.message for issue in listing.issues}


def ids(listing: Listing, split: str) -> set[str]:
    return {clip.id for clip in listing.clips if clip.split == split}


def add_row(root: Path, row: str, name: str = "train.csv") -> None:
    with (root / name).open("a", encoding="utf-8") as stream:
        stream.write(f"{row}\n")


def test_sample_data_is_laid_out_like_the_dataset(original: Path) -> None:
    names = sorted(path.stem for path in (original / "AudioWAV").iterdir())
    assert names == sorted(path.stem for path in (original / "VideoFlash").iterdir())
    assert len(names) == 96
    assert "1001_DFA_ANG_XX" in names
    for name in names[::10]:
        wave, rate = soundfile.read(original / "AudioWAV" / f"{name}.wav")
        assert rate == 16000
        assert 1.5 <= len(wave) / rate <= 3.5
        video = cv2.VideoCapture(str(original / "VideoFlash" / f"{name}.flv"))
        frames = 0
        while video.read()[0]:
            frames += 1
        assert frames / 15 == pytest.approx(len(wave) / rate, abs=0.2)
    assert (original / "stat.csv").read_bytes().startswith(b"\xef\xbb\xbfNEU\r\nHAP\r\n")
    assert b",ANG\r\n" in (original / "train.csv").read_bytes()


def test_sample_data_follows_its_seed(original: Path, cremad_root: Path, tmp_path: Path) -> None:
    CremaD.write_sample(tmp_path, SampleSpec(clips=72))
    for part in ("AudioWAV/1001_DFA_ANG_XX.wav", "VideoFlash/1002_DFA_SAD_XX.flv", "train.csv"):
        again, first, other = (root / part for root in (tmp_path, cremad_root, original))
        assert again.read_bytes() == first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("split", ["ogm", "dr", "actor"])
def test_each_split_has_every_class_and_disjoint_parts(original: Path, split: str) -> None:
    listing = CremaD(str(original), split=split).listing()
    assert not listing.issues
    assert listing.classes == CLASSES
    assert len({clip.id for clip in listing.clips}) == len(listing.clips) == 96
    for part in ("train", "validation", "test"):
        found = Counter(clip.label for clip in listing.clips if clip.split == part)
        assert set(found) == set(range(6)), part
    for clip in listing.clips:
        assert CLASSES[clip.label] == emotion_of(clip.id)
        assert clip.group == clip.id[:4]
        assert all(path.is_file() for path in clip.files.values())


def test_nobody_is_in_two_parts_of_the_actor_split(original: Path) -> None:
    def actors(seed: int) -> dict[str, set[str]]:
        listing = CremaD(str(original), split="actor", split_seed=seed).listing()
        return {p: {n[:4] for n in ids(listing, p)} for p in ("train", "validation", "test")}

    first = actors(0)
    assert not first["train"] & first["validation"]
    assert not (first["train"] | first["validation"]) & first["test"]
    assert first == actors(0)
    assert any(actors(seed)["test"] != first["test"] for seed in (1, 2, 3))


def test_ogm_keeps_its_test_clips_and_dr_its_lists(original: Path) -> None:
    ogm, again = (CremaD(str(original), split_seed=seed).listing() for seed in (0, 1))
    dr = CremaD(str(original), split="dr").listing()
    assert ids(ogm, "test") == ids(again, "test") == ids(dr, "test")
    assert ids(ogm, "validation") != ids(again, "validation")
    assert ids(ogm, "train") | ids(ogm, "validation") == ids(dr, "train") | ids(dr, "validation")


def test_what_cannot_become_a_clip_is_an_issue(root: Path) -> None:
    listed = (root / "train.csv").read_text(encoding="utf-8").split()[0].split(",")[0]
    for row in (
        "1001_DFA_ANG_XX,HAPPY", "1001_DFA_ANG_XX,SAD", "1001_DFA_ANG_XX", "first clip,ANG",
        f"{listed},{emotion_of(listed)}",
    ):  # fmt: skip
        add_row(root, row)
    issues = CremaD(str(root)).listing().issues
    found = [(issue.kind, issue.message) for issue in issues]
    assert [kind for kind, _ in found] == [
        "unknown label", "label disagrees", "broken row", "broken row", "listed twice",
    ]  # fmt: skip
    assert "'HAPPY', expected one of the 6 classes" in found[0][1]
    assert "label SAD for 1001_DFA_ANG_XX, whose name says ANG" in found[1][1]
    assert "expected CLIP,EMOTION like" in found[2][1]
    assert all(issue.fatal for issue in issues)
    assert len(CremaD(str(root)).listing().clips) == 96


def test_a_clip_in_both_lists_is_an_issue(root: Path) -> None:
    tested = (root / "test.csv").read_text(encoding="utf-8").split()[0]
    add_row(root, tested)
    (issue,) = CremaD(str(root)).listing().issues
    assert issue.kind == "listed twice"
    assert "train" in issue.message
    assert "test" in issue.message


def test_lists_with_marks_and_headers_are_read(root: Path) -> None:
    before = CremaD(str(root)).listing()
    for name, head in (("train.csv", "\ufeff"), ("test.csv", "\ufeffname,label\r\n")):
        text = (root / name).read_bytes().decode()
        (root / name).write_bytes((head + text + "\r\n\r\n").encode())
    after = CremaD(str(root)).listing()
    assert not after.issues
    assert list(after.clips) == list(before.clips)


def test_a_list_of_broken_rows_is_reported_not_a_crash(root: Path) -> None:
    for name in ("train.csv", "test.csv"):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(text.replace(",", ";"), encoding="utf-8")
    listing = CremaD(str(root)).listing()
    assert not listing.clips
    assert {issue.kind for issue in listing.issues} == {"broken row"}
    with pytest.raises(ValueError, match="96 broken row"):
        CremaD(str(root), **SMALL).load()


def test_another_order_of_classes_is_worth_knowing(root: Path) -> None:
    (root / "stat.csv").write_text("ANG\nDIS\nFEA\nHAP\nNEU\nSAD\n", encoding="utf-8")
    (issue,) = CremaD(str(root)).listing().issues
    assert issue.kind == "class order"
    assert not issue.fatal
    assert "ANG, DIS, FEA" in issue.message


def test_the_misnamed_file_is_its_clip(root: Path) -> None:
    for folder, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):
        path = root / folder / f"1001_DFA_SAD_XX.{suffix}"
        path.rename(root / folder / f"1040_ITH_SAD_X.{suffix}")
    for name in ("train.csv", "test.csv"):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(text.replace("1001_DFA_SAD", "1040_ITH_SAD"), encoding="utf-8")
    listing = CremaD(str(root)).listing()
    (clip,) = (clip for clip in listing.clips if clip.id == "1040_ITH_SAD_XX")
    assert clip.files["audio"].name == "1040_ITH_SAD_X.wav"
    assert "1040_ITH_SAD_XX" in {
        clip.id for clip in CremaD(str(root), split="actor").listing().clips
    }


def test_missing_folders_and_lists_say_what_to_do(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="AudioWAV does not exist") as error:
        CremaD(str(tmp_path / "nowhere")).listing()
    for word in ("git lfs pull", "gitlab.com/cs-cooper-lab", "data sample cremad", "Open Database"):
        assert word in str(error.value)
    (root / "VideoFlash").rename(root / "Image-01-FPS")
    with pytest.raises(FileNotFoundError, match=r"dataset\.visual=Image-01-FPS"):
        CremaD(str(root)).listing()
    assert CremaD(str(root), visual="Image-01-FPS").listing().clips
    (root / "train.csv").rename(tmp_path / "train.csv")
    with pytest.raises(FileNotFoundError, match=r"a list that dataset\.split=ogm") as error:
        CremaD(str(root), visual="Image-01-FPS").listing()
    assert "dataset.split=actor, which needs none" in str(error.value)
    (root / "test.csv").rename(tmp_path / "test.csv")
    assert CremaD(str(root), visual="Image-01-FPS", lists=str(tmp_path)).listing().clips
    assert CremaD(str(root), visual="Image-01-FPS", split="actor").listing().clips


def test_impossible_settings_are_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="split is 'random'"):
        CremaD(".", split="random")
    with pytest.raises(ValueError, match=r"validation is 1\.5"):
        CremaD(str(root), split="actor", validation=1.5).listing()
    with pytest.raises(ValueError, match="expected one or more to train on"):
        CremaD(str(root), split="actor", validation=0.95).listing()


def test_damaged_files_are_issues_of_their_clips(root: Path) -> None:
    def path(name: str, folder: str = "AudioWAV", suffix: str = "wav") -> Path:
        return root / folder / f"{name}.{suffix}"

    names = sorted(p.stem for p in (root / "AudioWAV").iterdir())[:5]
    path(names[0]).unlink()
    path(names[1]).write_bytes(LFS_HEADER + b"\noid sha256:0\nsize 9\n")
    path(names[2], "VideoFlash", "flv").write_bytes(b"")
    path(names[3], "VideoFlash", "flv").write_bytes(b"FLV\x01 and then nothing")
    soundfile.write(path(names[4]), np.zeros((16000, 2)), 16000)
    data = CremaD(str(root), **SMALL)
    report = data.check()
    found = {(issue.clip, issue.modality, issue.kind) for issue in report.issues if issue.fatal}
    assert {(clip, modality) for clip, modality, _ in found} == {
        (names[0], "audio"), (names[1], "audio"), (names[2], "visual"), (names[3], "visual"),
    }  # fmt: skip
    assert (names[0], "audio", "missing") in found
    assert (names[1], "audio", "git-lfs pointer") in found
    assert (names[2], "visual", "empty file") in found
    odd = {issue.kind for issue in report.issues if issue.clip == names[4]}
    assert {"silent", "stereo"} <= odd
    with pytest.raises(ValueError, match=r"1 git-lfs pointer(.|\n)*on_error=skip"):
        data.load()
    splits = CremaD(str(root), on_error="skip", **SMALL).load()
    assert sum(len(split) for split in splits.by_name().values()) == 92
    assert {skipped["clip"] for skipped in splits.facts["skipped"]} == set(names[:4])


def test_a_sound_copy_is_checked_and_loaded(root: Path) -> None:
    data = CremaD(str(root), size=48, audio_size=None, standardise=False)
    report = data.check()
    assert not [issue for issue in report.issues if issue.fatal]
    assert report.recognised == ""
    assert sum(report.counts["test"].values()) == 12
    shared = [issue.message for issue in report.issues if issue.kind == "shared actor"]
    assert len(shared) == 3
    splits = data.load()
    assert splits.shapes == {"audio": (1, 257, 188), "visual": (3, 48, 48)}
    batch = splits.finish(splits.train.__getitems__([0, 1, 2]))
    assert batch.inputs["audio"].shape == (3, 1, 257, 188)
    assert batch.inputs["visual"].shape == (3, 3, 48, 48)
    assert not [f for f in CremaD(str(root), split="actor", **SMALL).check().issues
                if f.kind == "shared actor"]  # fmt: skip


def test_extracted_frames_give_the_same_shapes(root: Path) -> None:
    for path in (root / "VideoFlash").iterdir():
        video = cv2.VideoCapture(str(path))
        frames = [frame[1][..., ::-1] for frame in (video.read() for _ in range(16)) if frame[0]]
        write_frames(root / "Image-01-FPS" / path.stem, np.stack(frames[::15]))
    shutil.rmtree(root / "VideoFlash")
    splits = CremaD(str(root), visual="Image-01-FPS", **SMALL).load()
    assert splits.shapes == {"audio": (1, 32, 32), "visual": (3, 32, 32)}
    three = CremaD(str(root), visual="Image-01-FPS", frames=2, choose="first", **SMALL).load()
    assert three.shapes["visual"] == (2, 3, 32, 32)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A root with the published lists and, for each clip, files that nobody reads."""
    for name in ("train", "test", "my_train", "val", "stat"):
        shutil.copy(LISTS / f"{name}.csv", tmp_path)
    for folder, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):
        (tmp_path / folder).mkdir()
        for name in ("train", "test"):
            for row in (LISTS / f"{name}.csv").read_text(encoding="utf-8").split():
                (tmp_path / folder / f"{row.split(',')[0]}.{suffix}").touch()
    return tmp_path


@needs_lists
def test_the_published_lists_are_recognised(published: Path) -> None:
    ogm = CremaD(str(published)).listing()
    dr = CremaD(str(published), split="dr").listing()
    actor = CremaD(str(published), split="actor").listing()
    assert not [*ogm.issues, *dr.issues, *actor.issues]
    sizes = {"train": 6698, "test": 744}
    assert SOURCE.counts["ogm/dr"] == sizes
    assert len(ids(ogm, "train")) + len(ids(ogm, "validation")) == sizes["train"]
    assert len(ids(ogm, "test")) == sizes["test"]
    assert [len(ids(dr, part)) for part in ("train", "validation", "test")] == [5954, 744, 744]
    assert ids(dr, "train") | ids(dr, "validation") == ids(ogm, "train") | ids(ogm, "validation")
    assert recognise(SOURCE, ogm.clips) == recognise(SOURCE, dr.clips) == "ogm/dr"
    assert recognise(SOURCE, actor.clips) == ""
    assert split_fingerprint(ids(ogm, "test")) in SOURCE.fingerprints.values()


@needs_lists
def test_the_published_splits_share_all_actors(published: Path) -> None:
    for split, shared in (("ogm", 91), ("dr", 91), ("actor", 0)):
        listing = CremaD(str(published), split=split).listing()
        groups = {p: {n[:4] for n in ids(listing, p)} for p in ("train", "validation", "test")}
        assert len(groups["train"] & groups["test"]) == shared
        assert len(groups["train"] & groups["validation"]) == shared
    assert [len(groups[p]) for p in ("train", "validation", "test")] == [73, 9, 9]
    counts = Counter((c.split, c.label) for c in listing.clips)
    assert len(counts) == 18


def test_a_deep_check_compares_prepared_values_with_the_files(root: Path) -> None:
    dataset = CremaD(root=str(root), **SMALL)
    (nothing,) = store_issues(dataset)
    assert nothing.kind == "nothing prepared"
    assert not nothing.fatal
    before = dataset.load().fingerprints()
    assert store_issues(dataset) == []
    clip = min(dataset.listing().clips, key=lambda clip: clip.id)
    # Another content of the same size and time: nothing but the values can tell.
    sound, times = clip.files["audio"], os.stat(clip.files["audio"])
    content = bytearray(sound.read_bytes())
    content[2000:2400] = bytes(reversed(range(200))) * 2
    sound.write_bytes(bytes(content))
    os.utime(sound, ns=(times.st_atime_ns, times.st_mtime_ns))
    (changed,) = store_issues(dataset)
    assert (changed.kind, changed.clip, changed.fatal) == ("not as prepared", clip.id, True)
    shutil.rmtree(root / ".fusion_sched")
    after = dataset.load().fingerprints()
    assert [name for name in before if before[name] != after[name]] == [clip.split]
