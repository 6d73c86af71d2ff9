"""One's own files with faults: what the commands say of them, from the check to predictions."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.data.files import Files
from fusion_sched.data.samples.spec import SampleSpec
from tests.commands.test_predict import SMALL_FILES
from tests.conftest import Answer, check_message, run_once

Command = Callable[..., Answer]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 40 sounds with videos in folders of classes, and a run trained on them."""
    folder = tmp_path_factory.mktemp("own")
    Files.write_sample(folder / "mine", SampleSpec(clips=40))
    run_once(folder / "run", *SMALL_FILES, "encoder=mlp", f"dataset.root={folder / 'mine/clips'}")
    return folder


@pytest.fixture
def own(whole: Path, tmp_path: Path, command: Command) -> Path:
    """Return a copy of both that a test may change, which is the working folder."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_what_a_training_leaves_out_is_said_first_and_last(own: Path, command: Command) -> None:
    sounds = sorted((own / "mine/clips").glob("*/*.wav"))
    for path in sounds[:12:6]:
        path.write_bytes(b"no sound")
    for path in sounds[1:18:6]:
        path.unlink()
    words = [*SMALL_FILES, "probe=kmeans", "controller=joint", "encoder=mlp",
             "dataset.root=mine/clips", "hydra.run.dir=less"]  # fmt: skip
    answer = command("train", *words, "dataset.on_error=skip")
    assert answer.code == 0, answer.err
    said = "left out: 5 of 40 samples (3 without partner, 2 unreadable); see `fusion-sched data che"
    first, last = (place for place, line in enumerate(answer.out.splitlines()) if said in line)
    assert first < 3
    assert last > first + 5
    assert command("report", "less").code == 0
    page = (own / "report.html").read_text(encoding="utf-8")
    assert "5 of 40 samples (3 without partner" in page
    assert "{&#39;" not in page
    assert "{'clip'" not in page


@pytest.mark.parametrize("arguments", [
    ("train", "dataset=files", "dataset.root={own}/mine"),
    ("data", "check", "files", "--root={own}/mine"),
    ("predict", "run", "{own}/mine", "--out", "p.csv"),
])  # fmt: skip
@pytest.mark.parametrize("beside", ["pictures in a folder", "nothing"])
def test_a_folder_one_level_too_high_is_named(
    own: Path, command: Command, arguments: tuple[str, ...], beside: str
) -> None:
    if beside == "nothing":
        shutil.rmtree(own / "mine/pictures")
    answer = command(*(word.format(own=own) for word in arguments))
    words = ["one level too high", "apple_pie", f"did you mean dataset.root={own / 'mine/clips'}?"]
    check_message(answer, 1, words)
    assert "on_error" not in answer.err


@pytest.mark.parametrize(("arguments", "said"), [
    (("train", "dataset=files", "dataset.root={own}/mine/clip"), "{own}/mine/clips"),
    (("train", "dataset=files", "dataset.list={own}/mine/pictres.csv"), "{own}/mine/pictures.csv"),
    (("train", "dataset=arrays", "dataset.root={own}/ne"), "{own}/new"),
    (("data", "check", "files", "--root=mine/clip"), "mine/clips"),
    (("predict", "run", "mine/clip", "--out", "p.csv"), "mine/clips"),
    (("predict", "run", "min/clips/donuts", "--out", "p.csv"), "mine/clips/donuts"),
    (("predict", "run", "new/on.wav", "--out", "p.csv"), "new/one.wav"),
])  # fmt: skip
def test_what_does_not_exist_is_named_with_the_nearest(
    own: Path, command: Command, arguments: tuple[str, ...], said: str
) -> None:
    (own / "new").mkdir()
    shutil.copy(next((own / "mine/clips").glob("*/*.wav")), own / "new/one.wav")
    answer = command(*(word.format(own=own) for word in arguments))
    check_message(answer, 1, ["does not exist", f"did you mean {said.format(own=own)}?"])


def test_a_single_file_is_no_data(own: Path, command: Command) -> None:
    answer = command("predict", "run", "mine/pictures/00000.jpg", "--out", "p.csv")
    check_message(answer, 1, ["00000.jpg is a single file", "put it into a folder"])


def test_the_check_ends_with_the_caution_of_the_training(own: Path, command: Command) -> None:
    answer = command("data", "check", "files", "--root=mine/clips")
    assert answer.code == 0, answer.err
    after = answer.out.partition("every clip can be read")[2]
    assert "caution: 24 samples of 4 classes are too few to say anything: expected 60" in after
    assert "caution: validation has 8 samples, fewer than 12" in after
    fields = json.loads(command("data", "check", "files", "--root=mine/clips", "--json").out)
    assert len(fields["cautions"]) == 2


def test_predictions_are_short_named_by_file_and_not_replaced(own: Path, command: Command) -> None:
    sounds = sorted((own / "mine/clips/donuts").glob("*.wav"))[:3]
    paths = [f"mine/clips/donuts/{path.name}" for path in sounds]
    (own / "new.csv").write_text("\n".join(["audio,visual", *(f"{p}," for p in paths)]) + "\n")
    words = ("predict", "run", "new.csv", "--out", "p.csv")
    assert command(*words).code == 0
    table = (own / "p.csv").read_text()
    assert not re.search(r"\d\.\d{10}", table)
    assert [line.partition(",")[0] for line in table.splitlines()] == ["id", *paths]
    (own / "p.csv").write_text("mine")
    check_message(command(*words), 1, ["p.csv exists already", "--overwrite"])
    assert (own / "p.csv").read_text() == "mine"
    assert command(*words, "--overwrite").code == 0
    assert (own / "p.csv").read_text() == table
    check_message(command("predict", "run", "new.csv", "--out", "q.csv", "--embeddings", "p.npz",
                          "--overwrite"), 0, [])  # fmt: skip
    check_message(command("predict", "run", "new.csv", "--out", "r.csv", "--embeddings", "p.npz"),
                  1, ["p.npz exists already"])  # fmt: skip
    assert not (own / "r.csv").exists()


def test_every_damaged_file_of_new_samples_is_named(own: Path, command: Command) -> None:
    (own / "new").mkdir()
    for number, path in enumerate(sorted((own / "mine/clips").glob("*/*.wav"))[:9]):
        shutil.copy(path, own / "new" / f"{number}.wav")
        if number > 1:
            (own / "new" / f"{number}.wav").write_bytes(b"no sound")
    answer = command("predict", "run", "new", "--out", "p.csv")
    check_message(answer, 1, ["7 of 9 samples", "2.wav", "6.wav", "… and 2 more"])
    assert "8.wav" not in answer.err
    rows = ["audio,visual", *(f"../{name}.wav," for name in ("a", "b"))]
    (own / "new/new.csv").write_text("\n".join(rows) + "\n")
    answer = command("predict", "run", "new/new.csv", "--out", "p.csv")
    check_message(answer, 1, ["2 of 2 samples", "line 2", "line 3"])
