"""Sixty lists, folders and settings that `data` cannot use: refused, or an issue with the file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fusion_sched.data.files import Files
from tests.conftest import Answer, check_message

Command = Callable[..., Answer]
TINY: dict[str, Any] = {"rate": 4000, "seconds": 0.25, "n_fft": 128, "hop": 128, "bands": 8}
ROWS = "".join(f"words number {n},{n / 7:.3f},{'ab'[n % 2]}\n" for n in range(40))
HEAD = "title,number,label\n"
NUMBER = {"number": {"kind": "numbers"}}
LISTS: dict[str, tuple[str, str]] = {
    "empty": ("", "bad.csv"),
    "a header alone": (HEAD, "bad.csv"),
    "no label": ("title,number\n" + ROWS.replace(",a", "").replace(",b", ""), "label"),
    "a name twice": ("title,title,label\n" + ROWS, "bad.csv"),
    "a cell too many": (HEAD + ROWS + "a,1,b,c\n", "42"),
    "a cell too few": (HEAD + ROWS + "a,1\n", "42"),
    "an open quote": (HEAD + '"open,1,a\n' + ROWS, "2"),
    "an empty label": (HEAD + ROWS + "words,1,\n", "label"),
    "text for a number": (HEAD + ROWS + "words,low,a\n", "low"),
    "infinity": (HEAD + ROWS + "words,inf,a\n", "inf"),
    "NaN": (HEAD + ROWS + "words,nan,a\n", "nan"),
    "an empty number": (HEAD + ROWS + "words,,a\n", "number"),
    "one class": (HEAD + ROWS.replace(",b", ",a"), "class"),
    "a quote in the header": ('"title,number,label\n' + ROWS, "bad.csv"),
    "not UTF-8": (HEAD + "\udcff,1,a\n" + ROWS, "bad.csv"),
    "a split of another name": (
        "title,number,label,split\n" + ROWS.replace("\n", ",extra\n"), "extra"),
    "a split without test": (
        "title,number,label,split\n" + ROWS.replace("\n", ",train\n"), "test"),
}  # fmt: skip
SOUND = {"list": None, "root": "sounds"}
SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an absent list": ({"list": "none.csv"}, "none.csv"),
    "a list of another kind": ({"list": "good.txt"}, "good.txt"),
    "a folder for a list": ({"list": "."}, "."),
    "an absent label": ({"label": "class"}, "class"),
    "an absent group": ({"group": "who"}, "who"),
    "an absent modality": ({"use": ["voice"]}, "voice"),
    "no modality": ({"use": []}, "modality"),
    "an unknown kind": ({"modalities": {"number": {"kind": "smell"}}}, "smell"),
    "an unknown knob": ({"modalities": {"number": {"kind": "numbers", "rate": 3}}}, "rate"),
    "an absent column": ({"modalities": {"x": {"kind": "numbers", "column": "zz"}}}, "zz"),
    "a pattern without a column": (
        {"modalities": {"x": {"kind": "numbers", "columns": "w*"}}}, "w*"),
    "a share of zero": ({"validation": 0.0}, "validation"),
    "shares above one": ({"validation": 0.6, "test": 0.6}, "validation"),
    "a negative share": ({"test": -0.1}, "test"),
    "a negative seed": ({"split_seed": -1}, "split_seed"),
    "one fold": ({"folds": 1}, "folds"),
    "a fold without folds": ({"fold": 2}, "fold"),
    "a fold beyond the last": ({"folds": 3, "fold": 3}, "fold"),
    "an unknown filling": ({**SOUND, "short": "echo"}, "short"),
    "no seconds": ({**SOUND, "seconds": 0.0}, "0 s at 4000 Hz"),
    "too many seconds": ({**SOUND, "seconds": 1e9}, "seconds"),
    "a rate of zero": ({**SOUND, "rate": 0}, "rate"),
    "a hop of zero": ({**SOUND, "hop": 0}, "hop"),
    "a length of zero": ({"length": 0}, "length"),
    "no vocabulary": ({"vocabulary": 0}, "vocabulary"),
    "an unknown way with errors": ({"on_error": "ignore"}, "on_error"),
}  # fmt: skip
COMMANDS: list[tuple[tuple[str, ...], list[str]]] = [
    (("check", "nothing"), ["'nothing'", "known:"]),
    (("check", "digits_cg"), ["digits_cg", "not on disk"]),
    (("check", "cremad", "--root", "none"), ["none"]),
    (("check", "files", "seed=1"), ["seed=1"]),
    (("check", "files", "--root", "a", "dataset.root=b"), ["--root a"]),
    (("check", "files", "--root", "loop"), ["loop"]),
    (("check", "files", "--root", "empty"), ["empty"]),
    (("check", "files", "--root", "good.csv"), ["good.csv"]),
    (("prepare", "files", "--root", "empty"), ["empty"]),
    (("sample", "files", "--out", "full"), ["full"]),
    (("sample", "files", "--out", "new", "--strength", "smell=1"), ["smell"]),
    (("sample", "files", "--out", "new", "--strength", "audio=2"), ["audio"]),
]
SOUNDS = {
    "absent": None, "empty": b"", "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "text": b"no sound at all", "cut": b"RIFF",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("good.csv", "good.txt"):
        Path(name).write_text(HEAD + ROWS)
    for name in ("empty", "full"):
        Path(name).mkdir()
    Path("full/kept.txt").write_text("mine")
    write_sounds(tmp_path / "sounds")
    Path("loop").symlink_to("pool")
    Path("pool").symlink_to("loop")
    return tmp_path


def write_sounds(root: Path) -> None:
    """Write 24 different sounds of two classes."""
    wave = np.random.default_rng(0).uniform(-1, 1, 1000)
    for number in range(24):
        path = root / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, wave * (1 + number) / 30, 4000)


def messages(dataset: Files) -> str:
    """What stops a training on it: an error, or the fatal issues of a check."""
    try:
        report = dataset.check()
        fatal = [issue.message for issue in report.issues if issue.fatal]
        if not fatal:
            dataset.load()
    except (ValueError, OSError) as error:
        return str(error)
    return " ".join(fatal)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_refused(folder: Path, name: str) -> None:
    text, word = LISTS[name]
    (folder / "bad.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    said = messages(Files(list="bad.csv", modalities=NUMBER, **TINY))
    assert word in said, said
    assert "bad.csv" in said, said


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_refused(folder: Path, name: str) -> None:
    given, word = SETTINGS[name]
    settings: dict[str, Any] = {"list": "good.csv", **TINY, **given}
    try:
        said = messages(Files(**settings))
    except ValueError as error:
        said = str(error)
    assert word in said, said


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=str)
def test_a_command_names_what_it_was_given(
    command: Command, folder: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    check_message(command("data", *arguments), 1, words)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_named(folder: Path, name: str) -> None:
    bad, content = folder / "list.csv", SOUNDS[name]
    rows = [f"sounds/{'ab'[n % 2]}/{n}.wav,{'ab'[n % 2]}\n" for n in range(12)]
    bad.write_text("voice,label\n" + "".join(rows))
    target = folder / "sounds" / "a" / "4.wav"
    target.unlink()
    if content is not None:
        target.write_bytes(content)
    assert "4.wav" in messages(Files(list="list.csv", **TINY))


@pytest.mark.parametrize("kind", ["folder of links", "file of links", "name that is not UTF-8"])
def test_odd_folders(folder: Path, kind: str) -> None:
    """A link to itself is named, a name of any bytes is used."""
    match kind:
        case "folder of links":
            (folder / "sounds" / "c").symlink_to("c")
            assert "/c" in messages(Files(root="sounds", **TINY))
        case "file of links":
            (folder / "sounds" / "a" / "x.wav").symlink_to("x.wav")
            assert "x.wav" in messages(Files(root="sounds", **TINY))
        case _:
            named = os.fsdecode(b"sounds/\xff")
            os.rename("sounds/b", named)
            assert not any(i.fatal for i in Files(root="sounds", **TINY).check().issues)
