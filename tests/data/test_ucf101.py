"""UCF-101's lists as they are and as they go wrong; groups stay together; flow by every route."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion_sched.data.clips.types import ClipDataset
from fusion_sched.data.samples.files import write_frames
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.data.ucf101 import LISTS, UCF101

CLASSES = ["1 Biking", "2 HandstandPushups", "3 YoYo"]
NAMES = {"Biking": "Biking", "HandstandPushups": "HandStandPushups", "YoYo": "YoYo"}
TRAIN = [
    f"{folder}/v_{name}_g{group:02d}_c{clip:02d}.avi {label}"
    for label, (folder, name) in enumerate(NAMES.items(), start=1)
    for group in range(3, 23)
    for clip in (1, 2)
]
TEST = [f"{folder}/v_{name}_g01_c01.avi" for folder, name in NAMES.items()]


def write_lists(
    root: Path,
    train: Sequence[str] = TRAIN,
    test: Sequence[str] = TEST,
    classes: Sequence[str] = CLASSES,
    split: int = 1,
) -> Path:
    folder = root / LISTS
    folder.mkdir(exist_ok=True)
    for name, rows in (
        ("classInd.txt", classes),
        (f"trainlist{split:02d}.txt", train),
        (f"testlist{split:02d}.txt", test),
    ):
        (folder / name).write_text("\r\n".join([*rows, ""]), encoding="utf-8", newline="")
    return root


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ucf101")
    UCF101.write_sample(out, SampleSpec(clips=20, seed=0))
    return out


def test_rows_become_clips(tmp_path: Path) -> None:
    listing = UCF101(root=str(write_lists(tmp_path))).listing()
    assert not listing.issues
    assert listing.classes == ("Biking", "HandstandPushups", "YoYo")
    clips = {clip.id: clip for clip in listing.clips}
    assert len(clips) == len(TRAIN) + len(TEST)
    # The folder names the class: file names of this one are spelt otherwise.
    clip = clips["v_HandStandPushups_g01_c01"]
    assert (clip.label, clip.split, clip.group) == (1, "test", "HandstandPushups_g01")
    video = tmp_path / "UCF-101" / "HandstandPushups" / "v_HandStandPushups_g01_c01.avi"
    assert clip.files == {"flow": video, "visual": video}


def test_blanks_at_the_end_of_a_row_do_not_matter(tmp_path: Path) -> None:
    write_lists(tmp_path, [f"{row}  " for row in TRAIN], TEST, [f"{row} " for row in CLASSES])
    listing = UCF101(root=str(tmp_path)).listing()
    assert len(listing.clips) == len(TRAIN) + len(TEST)
    assert not listing.issues


def test_each_split_has_lists_of_its_own(tmp_path: Path) -> None:
    write_lists(tmp_path)
    write_lists(tmp_path, test=[row.replace("g01", "g02") for row in TEST], split=2)
    tested = {}
    for split in (1, 2):
        clips = UCF101(root=str(tmp_path), split=split).listing().clips
        tested[split] = {clip.group for clip in clips if clip.split == "test"}
    assert tested[1] == {f"{label}_g01" for label in NAMES}
    assert tested[2] == {f"{label}_g02" for label in NAMES}
    with pytest.raises(FileNotFoundError, match=r"trainlist03\.txt does not exist"):
        UCF101(root=str(tmp_path), split=3).listing()
    with pytest.raises(ValueError, match="split is '4'"):
        UCF101(root=".", split=4)


@pytest.mark.parametrize(("share", "groups"), [(0.1, 2), (0.01, 1), (0.99, 19)])
def test_whole_groups_of_every_class_validate(tmp_path: Path, share: float, groups: int) -> None:
    write_lists(tmp_path)
    clips = UCF101(root=str(tmp_path), validation=share).listing().clips
    of = {split: {c.group for c in clips if c.split == split} for split in ("train", "validation")}
    assert not of["train"] & of["validation"]
    for name in NAMES:
        assert sum(group.startswith(name) for group in of["validation"]) == groups
        assert any(group.startswith(name) for group in of["train"])


def test_validation_follows_the_seed_not_the_order_of_rows(tmp_path: Path) -> None:
    def validated(seed: int, rows: Sequence[str]) -> set[str]:
        write_lists(tmp_path, train=rows)
        clips = UCF101(root=str(tmp_path), split_seed=seed).listing().clips
        return {clip.id for clip in clips if clip.split == "validation"}

    assert validated(0, TRAIN) == validated(0, TRAIN[::-1]) != validated(1, TRAIN)


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ("YoYo/v_YoYo_g03_c03.avi 2", "label disagrees", "YoYo is 3 in classInd.txt"),
        ("YoYo/v_YoYo_g03_c03.avi", "broken row", "expected ACTION/v_ACTION_gGG_cCC.avi CLASSID"),
        ("YoYo/v_YoYo_g3_c03.avi 3", "broken row", "correct it"),
        ("v_YoYo_g03_c03.avi 3", "broken row", "correct it"),
        ("YoYo/v_YoYo_g03_c03.avi three", "broken row", "three"),
        ("Juggling/v_Juggling_g03_c03.avi 4", "unknown label", "'Juggling'"),
        ("YoYo/v_YoYo_g01_c01.avi 3", "listed twice", "in train and as class 2 in test"),
    ],
)
def test_rows_that_cannot_be_used_become_issues(
    tmp_path: Path, row: str, kind: str, said: str
) -> None:
    listing = UCF101(root=str(write_lists(tmp_path, train=[*TRAIN, row]))).listing()
    (issue,) = listing.issues
    assert (issue.kind, issue.fatal) == (kind, True)
    assert said in issue.message


def test_a_test_row_may_have_its_class_and_must_have_the_right_one(tmp_path: Path) -> None:
    rows = [f"{row} {label}" for label, row in enumerate(TEST, start=1)]
    assert not UCF101(root=str(write_lists(tmp_path, test=rows))).listing().issues
    write_lists(tmp_path, test=[TEST[0], f"{TEST[1]} 1"])
    (issue,) = UCF101(root=str(tmp_path)).listing().issues
    assert issue.kind == "label disagrees"


@pytest.mark.parametrize(
    "classes", [["0 Biking", "1 YoYo"], ["1 Biking", "3 YoYo"], ["1 YoYo", "2 YoYo"], ["Biking"]]
)
def test_classes_that_are_not_numbered_are_named(tmp_path: Path, classes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"classInd\.txt holds rows .* expected `1 ACTION`"):
        UCF101(root=str(write_lists(tmp_path, classes=classes))).listing()


def test_what_cannot_be_split_is_named(tmp_path: Path) -> None:
    write_lists(tmp_path, train=[row for row in TRAIN if "YoYo" not in row or "_g03_" in row])
    with pytest.raises(ValueError, match="clips of YoYo are all of one group, YoYo_g03"):
        UCF101(root=str(tmp_path)).listing()
    with pytest.raises(ValueError, match="validation is 0, expected a share"):
        UCF101(root=".", validation=0)


def test_missing_lists_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)classInd\.txt does not exist.*UCF101\.rar"):
        UCF101(root=str(tmp_path)).listing()
    with pytest.raises(ValueError, match=r"flow_v_files is 'flow_v', the same file"):
        UCF101(root=".", flow_v_files="flow_v")


def test_sample_data_goes_from_files_to_samples(sample: Path, tmp_path: Path) -> None:
    data = UCF101(root=str(sample), store=str(tmp_path), size=32, frames=2)
    assert isinstance(data, ClipDataset)
    report = data.check()
    assert not report.issues
    assert {split: sum(found.values()) for split, found in report.counts.items()} == {
        "train": 12, "validation": 4, "test": 4
    }  # fmt: skip
    splits = data.load()
    assert splits.shapes == {"flow": (2, 2, 32, 32), "visual": (2, 3, 32, 32)}
    batch = splits.finish(splits.train.__getitems__([0, 1]))
    assert {name: tuple(values.shape[1:]) for name, values in batch.inputs.items()} == splits.shapes
    assert batch.inputs["flow"].abs().max() > 0.01, "the drawing moves"
    assert len(UCF101(root=str(sample), split=3).listing().clips) == 20


def test_extracted_frames_and_flow_are_read_from_folders(tmp_path: Path) -> None:
    write_lists(tmp_path)
    video = "v_YoYo_g01_c01"
    write_frames(tmp_path / "frames" / "YoYo" / video, np.full((4, 40, 40, 3), 200, np.uint8))
    stored = tmp_path / "flow" / "YoYo" / video
    stored.mkdir(parents=True)
    for number in range(4):
        np.save(stored / f"flow_{number:03d}.npy", np.full((32, 32, 2), (5.0, -10.0), np.float32))
    data = UCF101(
        root=str(tmp_path), visual_files="frames/{label}/{video}",
        flow_files="flow/{label}/{video}", size=32, frames=2,
    )  # fmt: skip
    listing = data.listing()
    clip = next(clip for clip in listing.clips if clip.id == video)
    flow = data.readers(listing)["flow"]
    found = flow.finish(torch.from_numpy(flow.read(clip)[None]))[0]
    assert torch.allclose(found[:, 0], torch.tensor(0.25), atol=0.01)
    assert torch.allclose(found[:, 1], torch.tensor(-0.5), atol=0.01)
    assert data.readers(listing)["visual"].read(clip).shape == (2, 32, 32, 3)


def test_flow_in_two_folders_of_gray_pictures(tmp_path: Path) -> None:
    write_lists(tmp_path)
    for part, value in (("flow_u", 255), ("flow_v", 0)):
        folder = tmp_path / part / "v_YoYo_g01_c01"
        folder.mkdir(parents=True)
        for number in (1, 2):
            cv2.imwrite(str(folder / f"frame_{number:06d}.jpg"), np.full((32, 32), value, np.uint8))
    data = UCF101(
        root=str(tmp_path), flow_files="flow_u/{video}", flow_v_files="flow_v/{video}",
        size=32, frames=2,
    )  # fmt: skip
    listing = data.listing()
    clip = next(clip for clip in listing.clips if clip.id == "v_YoYo_g01_c01")
    flow = data.readers(listing)["flow"]
    found = flow.finish(torch.from_numpy(flow.read(clip)[None]))[0]
    assert torch.allclose(found[:, 0], torch.tensor(1.0), atol=0.02)
    assert torch.allclose(found[:, 1], torch.tensor(-1.0), atol=0.02)


def test_a_missing_and_a_cut_video_are_issues(tmp_path: Path) -> None:
    UCF101.write_sample(tmp_path, SampleSpec(clips=20, seed=0))
    videos = sorted((tmp_path / "UCF-101").rglob("*.avi"))
    videos[0].unlink()
    videos[1].write_bytes(videos[1].read_bytes()[:60])
    data = UCF101(root=str(tmp_path), size=32, frames=1)
    kinds = {(issue.clip, issue.kind) for issue in data.check().issues if issue.fatal}
    assert (videos[0].stem, "missing") in kinds
    assert videos[1].stem in {clip for clip, _ in kinds}
    with pytest.raises(ValueError, match="UCF-101: damaged"):
        data.load()
    splits = replace(data, on_error="skip").load()
    assert sum(len(samples) for samples in splits.by_name().values()) == 18


def test_a_list_of_the_real_size_is_read_without_a_look_at_a_video(tmp_path: Path) -> None:
    names = [f"Action{number:03d}" for number in range(101)]
    rows = [
        f"{name}/v_{name}_g{group:02d}_c{clip:02d}.avi"
        for name in names for group in range(1, 26) for clip in range(1, 6)
    ]  # fmt: skip
    train = [f"{row} {names.index(row[:9]) + 1}" for row in rows if "_g0" not in row]
    write_lists(
        tmp_path, train, [row for row in rows if "_g0" in row],
        [f"{number} {name}" for number, name in enumerate(names, start=1)],
    )  # fmt: skip
    listing = UCF101(root=str(tmp_path)).listing()
    assert len(listing.clips) == 12_625
    assert len(listing.classes) == 101
