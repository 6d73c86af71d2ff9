"""One's own files: what folders and tables become, each kind of modality, each refusal."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from fusion_sched.data.clips.numbers import Numbers
from fusion_sched.data.clips.types import ClipDataset, Issue, OnDisk
from fusion_sched.data.files import Files
from fusion_sched.data.samples.files import write_frames, write_video, write_wav
from fusion_sched.data.samples.spec import SampleSpec
from tests.conftest import make_parts, of, run_once

RATE = 4000
TINY: Mapping[str, Any] = {"rate": RATE, "seconds": 0.25, "n_fft": 128, "hop": 128, "bands": 8,
                           "size": 8}  # fmt: skip
CLASSES = ("calm", "loud")
TWO_EPOCHS = ("stage1.epochs=1", "stage2.epochs=1", "robustness=false", "tracker=none")


def write_sound(path: Path, number: int, loudness: float = 0.2) -> None:
    rng = np.random.default_rng(number)
    write_wav(path, loudness * rng.uniform(-1, 1, RATE // 4).astype(np.float32), RATE)


def write_movie(path: Path, number: int, wave: np.ndarray | None = None) -> None:
    rng = np.random.default_rng(number)
    frames = rng.integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    write_video(path, frames, 8, wave, None if wave is None else RATE)


def write_list(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def numbered(count: int = 20) -> list[dict[str, object]]:
    """Rows whose two measurements show the class."""
    rng = np.random.default_rng(0)
    return [
        {
            "label": CLASSES[n % 2], "who": f"p{n % 10}", "AU01": round(n % 2 + rng.normal(), 4),
            "AU02": 1000 + n, "other": n,
        }
        for n in range(count)
    ]  # fmt: skip


def kinds(issues: Sequence[Issue]) -> dict[str, str]:
    return {issue.kind: issue.message for issue in issues}


def fatal(issues: Sequence[Issue]) -> dict[str, str]:
    return kinds([issue for issue in issues if issue.fatal])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten sounds and videos of each class."""
    root = tmp_path_factory.mktemp("own") / "clips"
    for number in range(20):
        stem = root / CLASSES[number % 2] / f"c{number:02d}"
        write_sound(stem.with_suffix(".wav"), number, 0.1 + 0.5 * (number % 2))
        write_movie(stem.with_suffix(".avi"), number)
    return root


def of_folder(folder: Path, **settings: Any) -> Files:
    return Files(root=str(folder), **{**TINY, **settings})


def test_a_folder_of_classes_is_matched_by_stem(folder: Path, tmp_path: Path) -> None:
    data = of_folder(folder, store=str(tmp_path))
    assert isinstance(data, OnDisk)
    assert isinstance(data, ClipDataset)
    listing = data.listing()
    assert listing.issues == []
    assert listing.classes == CLASSES
    clip = next(clip for clip in listing.clips if clip.id == "loud/c03")
    assert clip.files == {
        "audio": folder / "loud" / "c03.wav", "visual": folder / "loud" / "c03.avi"
    }  # fmt: skip
    splits = data.load()
    assert splits.shapes == {"audio": (1, 8, 8), "visual": (3, 8, 8)}
    assert [len(split) for split in splits.by_name().values()] == [12, 4, 4]
    assert data.check().modalities == {
        "audio": "Spectrogram (1, 8, 8)",
        "visual": "Frames (3, 8, 8)",
    }


def test_another_seed_draws_another_split(folder: Path) -> None:
    def tested(seed: int) -> set[str]:
        clips = of_folder(folder, split_seed=seed).listing().clips
        return {clip.id for clip in clips if clip.split == "test"}

    assert tested(0) == tested(0) != tested(1)


def test_what_has_no_partner_is_named_and_refused(tmp_path: Path) -> None:
    for number in range(20):
        write_sound(tmp_path / CLASSES[number % 2] / f"c{number:02d}.wav", number)
        if number != 3:
            write_movie(tmp_path / CLASSES[number % 2] / f"c{number:02d}.avi", number)
    (tmp_path / "loud" / "notes.docx").write_text("x")
    (tmp_path / "loud" / "c04.npy").write_bytes(b"x")
    (tmp_path / "loud" / ".hidden").write_text("x")
    report = of_folder(tmp_path).check()
    assert fatal(report.issues) == {
        "no partner": "loud/c03 has no visual; correct it or take it out",
    }  # fmt: skip
    left_out = [issue.message for issue in report.issues if issue.kind == "left out"]
    assert ".docx" in left_out[0]
    assert left_out[1] == "loud/c04 is left out: it has none of ['audio', 'visual']"
    assert "array" in kinds(report.issues)["not used"]
    with pytest.raises(ValueError, match="1 no partner\n  loud/c03 has no visual"):
        of_folder(tmp_path).load()
    assert len(of_folder(tmp_path, on_error="skip").listing().clips) == 19


def test_split_folders_and_two_files_of_a_sample(tmp_path: Path) -> None:
    for number in range(12):
        part = ("train", "train", "val", "Test")[number % 4]
        write_frames(
            tmp_path / part / CLASSES[number // 4 % 2], np.full((1, 8, 8, 3), number, np.uint8),
            first=number,
        )  # fmt: skip
    write_frames(
        tmp_path / "train" / "calm", np.zeros((1, 8, 8, 3), np.uint8), pattern="{:05d}.png", first=0
    )
    listing = of_folder(tmp_path).listing()
    assert "00000.png and train/calm/00000.jpg are both image" in fatal(listing.issues)["two files"]
    assert {c.split for c in listing.clips if "train/" in c.id} == {"train"}
    assert {c.split for c in listing.clips if "val/" in c.id} == {"validation"}
    assert {c.split for c in listing.clips if "Test/" in c.id} == {"test"}


def test_endings_tell_modalities_apart(tmp_path: Path) -> None:
    for number in range(10):
        for side in ("left", "right"):
            write_frames(
                tmp_path / CLASSES[number % 2], np.full((1, 8, 8, 3), number, np.uint8),
                pattern=f"{{}}_{side}.jpg", first=number,
            )  # fmt: skip
    named = {"left": {"suffix": "_left.jpg"}, "right": {"suffix": "_right.jpg", "size": 4}}
    data = of_folder(tmp_path, modalities=named)
    assert [spec.name for spec in data.specs] == ["left", "right"]
    readers = data.readers(data.listing())
    assert [reader.shape for reader in readers.values()] == [(3, 8, 8), (3, 4, 4)]


def test_folders_of_frames_arrays_and_texts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(10):
        stem = tmp_path / CLASSES[number % 2] / f"s{number}"
        write_frames(stem, rng.integers(0, 255, (3, 8, 8, 3)).astype(np.uint8))
        np.save(stem.with_suffix(".npy"), 5 + 2 * rng.normal(size=(4, 3)))
        stem.with_suffix(".txt").write_text(f"word{number} said here", encoding="utf-8")
    data = of_folder(tmp_path, frames=2)
    assert {s.name: s.kind for s in data.specs} == {
        "array": "array", "text": "text", "visual": "frames"
    }  # fmt: skip
    splits = data.load()
    assert splits.shapes == {"array": (4, 3), "text": (40,), "visual": (2, 3, 8, 8)}
    batch = splits.finish(splits.train.__getitems__(list(range(len(splits.train)))))
    assert batch.inputs["array"].mean().abs() < 1e-5
    assert batch.inputs["array"].std(correction=0) == pytest.approx(1, abs=1e-4)
    assert batch.inputs["text"].dtype == torch.int64


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_sound_of_other_formats(suffix: str, tmp_path: Path) -> None:
    rows = []
    for number in range(10):
        wave = 0.3 * np.random.default_rng(number).uniform(-1, 1, 8000)
        soundfile.write(tmp_path / f"{number}{suffix}", wave, 8000)
        rows.append({"voice": f"{number}{suffix}", "label": CLASSES[number % 2]})
    data = Files(list=str(write_list(tmp_path / "list.csv", rows)), **TINY)
    assert [(spec.name, spec.kind) for spec in data.specs] == [("voice", "sound")]
    assert fatal(data.check().issues) == {}


def test_the_sound_of_videos_is_a_modality_when_asked(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra `media`")
    for number in range(10):
        wave = 0.3 * np.random.default_rng(number).uniform(-1, 1, RATE)
        write_movie(tmp_path / CLASSES[number % 2] / f"{number}.avi", number, wave)
    assert [spec.name for spec in of_folder(tmp_path).specs] == ["visual"]
    splits = of_folder(tmp_path, video_sound=True).load()
    assert splits.shapes == {"visual": (3, 8, 8), "audio": (1, 8, 8)}
    with pytest.raises(ValueError, match="0 of them videos, expected one video"):
        of_folder(tmp_path, video_sound=True, modalities={"visual": {"kind": "picture"}}).listing()


def test_numbers_by_pattern_are_one_modality(tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.csv", numbered())
    with pytest.raises(ValueError, match=r"no column of .* is a modality.*columns=PATTERN"):
        Files(list=str(path)).listing()
    data = Files(list=str(path), modalities={"face": {"columns": "AU*"}}, group="who")
    listing = data.listing()
    assert "columns other are not used" in kinds(listing.issues)["not used"]
    assert listing.clips[0].numbers == {"face": (numbered()[0]["AU01"], 1000.0)}
    splits = data.load()
    assert splits.shapes == {"face": (2,)}
    batch = splits.finish(splits.train.__getitems__(list(range(len(splits.train)))))
    assert torch.allclose(batch.inputs["face"].mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(batch.inputs["face"].std(0, correction=0), torch.ones(2), atol=1e-4)


def test_groups_are_held_out_as_a_whole(tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.csv", numbered(40))
    named = {"face": {"columns": "AU*"}}
    for settings in ({}, {"folds": 5, "fold": 2}):
        listing = Files(list=str(path), modalities=named, group="who", **settings).listing()
        splits: dict[str, set[str]] = {}
        for clip in listing.clips:
            splits.setdefault(clip.group, set()).add(clip.split)
        assert all(len(names) == 1 for names in splits.values())
        assert set.union(*splits.values()) == {"train", "validation", "test"}
        assert fatal(listing.issues) == {}


def test_a_column_of_groups_is_respected_unless_they_may_be_shared(tmp_path: Path) -> None:
    rows = [{**row, "group": row["who"]} for row in numbered(40)]
    path = write_list(tmp_path / "list.csv", rows)
    named = {"face": {"columns": "AU*"}}
    for settings in ({}, {"folds": 5, "fold": 2}):
        whole = Files(list=str(path), modalities=named, **settings).check()
        assert "shared group" not in kinds(whole.issues)
        single = Files(
            list=str(path), modalities=named, allow_shared_groups=True, **settings
        ).check()
        assert "shared group" in kinds(single.issues)
        assert fatal(single.issues) == {}


def test_a_group_in_two_splits_is_refused_unless_allowed(tmp_path: Path) -> None:
    parts = ("train", "train", "train", "validation", "test", "test")
    rows = [{**row, "split": parts[n // 2 % 6]} for n, row in enumerate(numbered(24))]
    path = write_list(tmp_path / "list.csv", rows)
    settings: dict[str, Any] = {"modalities": {"face": {"columns": "AU*"}}, "group": "who"}
    data = Files(list=str(path), **settings)
    assert "both validation and test (p8, p9)" in fatal(data.check().issues)["shared who"]
    with pytest.raises(ValueError, match="occur in both train and test"):
        Files(list=str(path), on_error="skip", **settings).load()
    allowed = Files(list=str(path), allow_shared_groups=True, **settings)
    assert fatal(allowed.check().issues) == {}
    assert "shared who" in kinds(allowed.check().issues)
    assert len(allowed.load().train) == 12


def test_given_splits_without_validation_have_it_drawn(tmp_path: Path) -> None:
    rows = [
        {**row, "split": "Test" if n >= 32 else "training"} for n, row in enumerate(numbered(40))
    ]
    settings: dict[str, Any] = {"modalities": {"face": {"columns": "AU*"}}}
    path = write_list(tmp_path / "list.csv", rows)
    splits = Files(list=str(path), **settings).load().by_name()
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 25, "validation": 7, "test": 8
    }  # fmt: skip
    rows = [{**row, "who": f"{row['split']}{n % 6}"} for n, row in enumerate(rows)]
    path = write_list(tmp_path / "grouped.csv", rows)
    listing = Files(list=str(path), group="who", **settings).listing()
    assert fatal(listing.issues) == {}
    assert {clip.split for clip in listing.clips} == {"train", "validation", "test"}


def test_rows_that_cannot_be_samples_are_named(tmp_path: Path) -> None:
    rows = [*numbered(20), *({"label": "", "who": "p1", "AU01": "1", "AU02": 1, "other": 1},
            {"label": "calm", "who": "p1", "AU01": "loud", "AU02": 1, "other": 1},
            {"label": "calm", "who": "", "AU01": "1", "AU02": 1, "other": 1},
            {"label": "rare", "who": "p1", "AU01": "1", "AU02": 1, "other": 1})]  # fmt: skip
    path = write_list(tmp_path / "list.csv", rows)
    named = {"face": {"columns": "AU*"}}
    messages = fatal(Files(list=str(path), modalities=named, group="who").listing().issues)
    assert "class 'rare' has 1, expected at least 3 group(s)" in messages["small class"]
    assert messages["no label"] == "list.csv line 22 has no label; correct it or take it out"
    assert "line 23 has 'loud' in column 'AU01', expected a finite" in messages["not a number"]
    assert "line 24 has no who" in messages["no who"]
    messages = fatal(Files(list=str(path), modalities=named).listing().issues)
    assert "class 'rare' has 1, expected at least 5 sample(s)" in messages["small class"]


@pytest.mark.parametrize("cell", ["../out.wav", "/etc/out.wav", "a/../../out.wav"])
def test_paths_that_leave_the_root_are_refused(cell: str, tmp_path: Path) -> None:
    write_sound(tmp_path / "out.wav", 0)
    rows = [{"voice": f"{n}.wav", "label": CLASSES[n % 2]} for n in range(10)]
    for row in rows:
        write_sound(tmp_path / "in" / row["voice"], 0)
    path = write_list(tmp_path / "in" / "list.csv", [*rows, {"voice": cell, "label": "calm"}])
    message = fatal(Files(list=str(path), **TINY).listing().issues)["outside root"]
    assert f"list.csv line 12 has the path {cell!r}, which leaves" in message
    assert Files(list=str(path), allow_outside_root=True).listing().issues == []


def test_the_same_files_twice_and_the_same_content_in_two_splits(tmp_path: Path) -> None:
    rows = []
    for number in range(12):
        write_sound(tmp_path / f"{number}.wav", 0 if number in (0, 11) else number)
        split = ("train", "validation", "test")[number // 4]
        rows.append({"voice": f"{number}.wav", "label": CLASSES[number % 2], "split": split})
    path = write_list(tmp_path / "list.csv", [*rows, rows[3]])
    issues = Files(list=str(path), **TINY).check().issues
    assert "made of the same files as 3.wav" in fatal(issues)["listed twice"]
    assert "0.wav in train and" in kinds(issues)["same content"]
    questions = [
        {**row, "question": f"is it number {n} now"} for n, row in enumerate([*rows, rows[3]])
    ]
    path = write_list(tmp_path / "asked.csv", questions)
    listing = Files(list=str(path), **TINY).listing()
    assert listing.issues == []
    assert {c.id for c in listing.clips if "3.wav" in c.id} == {
        "3.wav (asked.csv line 5)", "3.wav (asked.csv line 14)"
    }  # fmt: skip


def test_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    rows = [
        {"voice": f"{n}.wav", "numbers": f"{n}.npy", "label": CLASSES[n % 2]} for n in range(12)
    ]
    for number in range(12):
        write_sound(tmp_path / f"{number}.wav", number)
        np.save(tmp_path / f"{number}.npy", np.ones(3) * number)
    path = write_list(tmp_path / "list.csv", rows)
    (tmp_path / "1.wav").unlink()
    (tmp_path / "2.wav").write_bytes((tmp_path / "2.wav").read_bytes()[:700])
    write_sound(tmp_path / "3.wav", 0, 1e-6)
    soundfile.write(tmp_path / "4.wav", 4 * np.ones(1000), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "5.wav", 16000 * np.ones(1000), RATE, subtype="FLOAT")
    np.save(tmp_path / "6.npy", np.ones(4))
    np.save(tmp_path / "7.npy", np.array([1, np.nan, 2]))
    np.save(tmp_path / "8.npy", np.array([None]), allow_pickle=True)
    issues = Files(list=str(path), **TINY).check().issues
    named = {(issue.kind, issue.clip) for issue in issues if issue.fatal}
    assert named == {
        ("missing", "1.wav"), ("truncated", "2.wav"), ("integer scale", "5.wav"),
        ("other shape", "6.wav"), ("not finite", "7.wav"), ("unreadable", "8.wav"),
    }  # fmt: skip
    odd = {(issue.kind, issue.clip) for issue in issues if not issue.fatal}
    assert {("silent", "3.wav"), ("outside ±1", "4.wav"), ("short", "0.wav")} <= odd


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"modalities": {"face": {"kind": "smell"}}},
            r"face names the column 'face', expected one",
        ),
        ({"modalities": {"voice": {"kind": "smell"}}}, "kind is 'smell', expected one of"),
        (
            {"modalities": {"voice": {"frames": 3}}},
            r"unknown key .*voice.frames; known for kind=so",
        ),
        ({"modalities": {"voice": {"rate": "fast"}}}, "voice.rate is 'fast', expected int"),
        ({"modalities": {"f": {"columns": "AU*"}}}, r"f names the column 'AU\*'"),
        ({"use": ["sight"]}, r"is a modality \['sight'\]"),
        ({"label": "emotion"}, "has no column 'emotion' but"),
        ({"label": "voice"}, "holds 10 different labels in 10 rows"),
        ({"group": "speaker"}, "has no column 'speaker'"),
        ({"on_error": "ignore"}, "on_error is 'ignore'"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    rows = [{"voice": f"{n}.wav", "label": CLASSES[n % 2]} for n in range(10)]
    path = write_list(tmp_path / "list.csv", rows)
    with pytest.raises(ValueError, match=message):
        Files(list=str(path), **settings).load()


def test_shares_and_places_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"validation is 0\.6 and test 0\.5, expected shares"):
        Files(root=str(tmp_path), validation=0.6, test=0.5)
    with pytest.raises(FileNotFoundError, match=r"neither dataset\.root nor dataset\.list"):
        Files().listing()
    with pytest.raises(ValueError, match="holds no folder, expected one per class"):
        Files(root=str(tmp_path)).listing()
    with pytest.raises(FileNotFoundError, match=r"does not exist; set dataset\.root"):
        Files(root=str(tmp_path / "absent")).listing()


def test_a_changed_number_makes_the_store_anew(tmp_path: Path) -> None:
    rows = numbered()
    settings: dict[str, Any] = {"modalities": {"face": {"columns": "AU01"}}, "standardise": False}
    path = write_list(tmp_path / "list.csv", rows)
    Files(list=str(path), **settings).load()
    rows[0]["AU01"] = 77.0
    write_list(path, rows)
    data = Files(list=str(path), **settings)
    data.load()
    (store,) = [p for p in (tmp_path / ".fusion_sched").iterdir() if p.is_dir()]
    assert 77.0 in np.load(store / "face.npy")
    assert isinstance(data.readers(data.listing())["face"], Numbers)


def test_one_modality_trains_and_text_needs_its_encoder(tmp_path: Path) -> None:
    Files.write_sample(tmp_path, SampleSpec(clips=40))
    listed = ("dataset=files", f"dataset.list={tmp_path / 'pictures.csv'}", "dataset.size=16")
    events = run_once(tmp_path / "one", *listed, "dataset.use=[picture]", *TWO_EPOCHS[:3])
    assert list(of(events, "start")[0]["modalities"]) == ["picture"]
    assert of(events, "result")
    with pytest.raises(ValueError, match=r"MLP got integers .*encoder.NAME=text"):
        run_once(tmp_path / "two", *listed, *TWO_EPOCHS[:3])
    with pytest.raises(ValueError, match=r"takes exactly two modalities, got \['picture'\]"):
        make_parts(*listed, "dataset.use=[picture]", "controller=pid_published")
