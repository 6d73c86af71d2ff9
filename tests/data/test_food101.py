"""UPMC Food-101: lists with and without header, words of training titles only, a small BERT."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusion_sched.data.clips.text import Tokens
from fusion_sched.data.clips.types import ClipDataset
from fusion_sched.data.food101 import Food101
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.models.pretrained import Pretrained
from fusion_sched.models.text import TextEncoder
from tests.conftest import make_parts, run_once
from tests.models.tiny_networks import save_bert

CLASSES = ("apple_pie", "waffles")
TRAIN = [f'{name}_{n}.jpg,"Best {name}, ever",{name}' for n in range(20) for name in CLASSES]
TEST = [f"{name}_{n}.jpg,onlyintest,{name}" for n in (90, 91) for name in CLASSES]
HEADER = "Image_path,text,label"


def write_lists(root: Path, train: Sequence[str] = TRAIN, test: Sequence[str] = TEST) -> Path:
    (root / "texts").mkdir(exist_ok=True)
    for split, rows in (("train", train), ("test", test)):
        path = root / "texts" / f"{split}_titles.csv"
        path.write_text("\r\n".join([*rows, ""]), encoding="utf-8", newline="")
        for name in CLASSES:
            (root / "images" / split / name).mkdir(parents=True, exist_ok=True)
    return root


def text_of(data: Food101) -> Tokens:
    text = data.readers(data.listing())["text"]
    assert isinstance(text, Tokens)
    return text


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("food101")
    Food101.write_sample(out, SampleSpec(clips=36, seed=0))
    return out


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize("header", [[], [HEADER]])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_rows_become_clips(tmp_path: Path, header: list[str], mark: str) -> None:
    train = [*header, *TRAIN]
    listing = Food101(root=str(write_lists(tmp_path, [mark + train[0], *train[1:]]))).listing()
    assert not listing.issues
    assert listing.classes == CLASSES
    clips = {clip.id: clip for clip in listing.clips}
    assert len(clips) == len(TRAIN) + len(TEST)
    clip = clips["train/waffles_3.jpg"]
    assert clip.label == 1
    assert clip.text == {"text": "Best waffles, ever"}
    assert clip.files == {"image": tmp_path / "images" / "train" / "waffles" / "waffles_3.jpg"}
    assert clips["test/apple_pie_90.jpg"].split == "test"


def test_a_path_in_place_of_a_name_leads_to_the_same_picture(tmp_path: Path) -> None:
    write_lists(tmp_path, test=[f"waffles/{row}" for row in TEST if row.startswith("waffles")])
    clips = {clip.id: clip for clip in Food101(root=str(tmp_path)).listing().clips}
    expected = tmp_path / "images" / "test" / "waffles" / "waffles_90.jpg"
    assert clips["test/waffles_90.jpg"].files["image"] == expected


def test_the_vocabulary_is_that_of_titles_to_train_on(tmp_path: Path) -> None:
    rows = [f"apple_pie_{n}.jpg,word{n},apple_pie" for n in range(20)]
    rows += [row for row in TRAIN if row.startswith("waffles")]
    data = Food101(root=str(write_lists(tmp_path, rows)), vocabulary=100)
    listing = data.listing()
    trained = {clip.text["text"] for clip in listing.clips if clip.split == "train"}
    held_out = {clip.text["text"] for clip in listing.clips if clip.split == "validation"}
    words = set(text_of(data).vocabulary)
    assert {f"word{n}" for n in range(20)} & words == {t for t in trained if t.startswith("word")}
    assert not words & {title for title in held_out if title.startswith("word")}
    assert "onlyintest" not in words
    assert len(text_of(replace(data, vocabulary=5)).vocabulary) == 3


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ("waffles_99.jpg,Golden waffles", "broken row", "expected PICTURE.jpg,TITLE,CLASS"),
        ("waffles_99.jpg,Golden, crisp,waffles", "broken row", "correct it"),
        ("waffles_99,Golden,waffles", "broken row", "'waffles_99,Golden,waffles'"),
        ("gyoza_1.jpg,Gyoza,gyoza", "unknown label", "'gyoza', expected one of the 2"),
        ("waffles_3.jpg,Again,waffles", "listed twice", "as class 1 in train and as class 1"),
        ("waffles_3.jpg,Again,apple_pie", "listed twice", "as class 0 in train"),
    ],
)
def test_rows_that_cannot_be_used_become_issues(
    tmp_path: Path, row: str, kind: str, said: str
) -> None:
    (issue,) = Food101(root=str(write_lists(tmp_path, [*TRAIN, row]))).listing().issues
    assert (issue.kind, issue.fatal) == (kind, True)
    assert said in issue.message


def test_classes_must_be_the_same_in_test(tmp_path: Path) -> None:
    write_lists(tmp_path)
    (tmp_path / "images" / "test" / "gyoza").mkdir()
    with pytest.raises(ValueError, match=r"2 class folders in train and 3 in test.*'gyoza'"):
        Food101(root=str(tmp_path)).listing()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)images/train does not exist.*kaggle"):
        Food101(root=str(tmp_path)).listing()
    write_lists(tmp_path)
    (tmp_path / "texts" / "test_titles.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_titles\.csv does not exist"):
        Food101(root=str(tmp_path)).listing()


def test_sample_data_goes_from_files_to_samples(sample: Path, tmp_path: Path) -> None:
    data = Food101(root=str(sample), store=str(tmp_path), size=32, length=12)
    assert isinstance(data, ClipDataset)
    report = data.check()
    assert not report.issues
    splits = data.load()
    assert [len(split) for split in splits.by_name().values()] == [27, 3, 6]
    assert splits.shapes == {"text": (12,), "image": (3, 32, 32)}
    batch = splits.finish(splits.train.__getitems__([0, 1]))
    assert batch.inputs["text"].dtype == torch.int64
    assert int(batch.inputs["text"].max()) < data.vocabulary
    assert batch.inputs["image"].shape == (2, 3, 32, 32)


def test_damaged_pictures_and_empty_titles_are_reported(tmp_path: Path) -> None:
    Food101.write_sample(tmp_path, SampleSpec(clips=36, seed=0))
    pictures = sorted((tmp_path / "images" / "train").rglob("*.jpg"))
    pictures[0].unlink()
    pictures[1].write_bytes(b"<html>not found</html>")
    path = tmp_path / "texts" / "test_titles.csv"
    first, *rest = path.read_text().splitlines()
    name, _, label = first.split(",")
    path.write_text("\n".join([f"{name},,{label}", *rest, ""]))
    data = Food101(root=str(tmp_path), size=32)
    found = {(issue.clip, issue.kind, issue.fatal) for issue in data.check().issues}
    assert found == {
        (f"train/{pictures[0].name}", "missing", True),
        (f"train/{pictures[1].name}", "unreadable", True),
        (f"test/{name}", "no words", False),
    }
    with pytest.raises(ValueError, match="1 missing, 1 unreadable"):
        data.load()
    assert len(replace(data, on_error="skip").load().test) == 6


def test_the_experiment_has_an_encoder_for_each_modality(sample: Path, tmp_path: Path) -> None:
    parts = make_parts(
        "+experiment=food101", f"dataset.root={sample}", f"dataset.store={tmp_path}",
        "dataset.size=32", "dataset.vocabulary=50", "encoder.image.width=4", "probe.samples=20",
    )  # fmt: skip
    text = parts.model.encoders["text"]
    assert isinstance(text, TextEncoder)
    assert text.words.num_embeddings == 50, "the dataset's vocabulary"
    assert type(parts.model.encoders["image"]).__name__ == "ResNet18"


@pytest.mark.slow
def test_a_pretrained_network_trains_on_its_own_tokens(
    sample: Path, bert: Path, tmp_path: Path
) -> None:
    options = [
        "+experiment=food101", "encoder@encoder.text=pretrained", f"dataset.root={sample}",
        f"encoder.text.model={bert}", "encoder.text.unfrozen=-1",
        f"dataset.store={tmp_path / 'store'}", f"dataset.tokenizer={bert}", "dataset.size=32",
        "dataset.length=16", "encoder.image.width=4", "batch_size=16", "probe.samples=20",
        "stage1.epochs=1", "stage2.epochs=1",
        "robustness=false",
    ]  # fmt: skip
    parts = make_parts(*options)
    assert isinstance(parts.model.encoders["text"], Pretrained)
    assert parts.splits.shapes["text"] == (2, 16)
    events = run_once(tmp_path / "run", *options)
    assert [event for event in events if event["event"] == "result"]
