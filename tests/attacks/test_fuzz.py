"""Random damage of fixed seed: each command ends well, or with a message that names the file.

`make fuzz` makes 2,000 changes; the suite makes 150.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from fusion_sched.commands.train import saved_config
from tests.conftest import Answer, make_config

pytestmark = pytest.mark.slow

Command = Callable[..., Answer]
CHANGES = int(os.environ.get("FUZZ_CHANGES", "150"))
SHARE = {"trace": 0.4, "config": 0.2, "table": 0.15, "arrays": 0.15, "list": 0.1}
"""Of the changes, by the kind of file."""
INTERNAL = re.compile(r"Traceback|\b[A-Z][a-z]+Error: |HYDRA_FULL_ERROR")
TOKENS = [
    b"null", b"-1", b"1e400", b"NaN", b"9" * 5000, b'""', b"[]", b"{}", b"[" * 3000, b"true",
    b'"\\ud800"', b"\xff\xfe", b"\x00", b"\n", b",", b'"', b"\x1b[2J", b"1e308", b"-0.0", b"0",
]  # fmt: skip


def changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content with one change: a byte, a piece, a value, a line, or its end."""
    at, length = int(rng.integers(len(content))), int(rng.integers(1, 40))
    token = TOKENS[int(rng.integers(len(TOKENS)))]
    match int(rng.integers(6)):
        case 0:
            return (
                content[:at]
                + bytes([content[at] ^ (1 << int(rng.integers(8)))])
                + content[at + 1 :]
            )
        case 1:
            return content[:at] + content[at + length :]
        case 2:
            return content[:at]
        case 3:
            return content[:at] + content[at : at + length] * 3 + content[at + length :]
        case 4:
            values = list(re.finditer(rb"-?\d+(\.\d+)?|\"[^\"\n]*\"|\w+", content))
            chosen = values[int(rng.integers(len(values)))]
            return content[: chosen.start()] + token + content[chosen.end() :]
        case _:
            return content[:at] + token + content[at:]


def changes(kind: str, content: bytes) -> Iterator[bytes]:
    """Yield this kind's share of the changes."""
    rng = np.random.default_rng(sorted(SHARE).index(kind))
    for _ in range(round(CHANGES * SHARE[kind])):
        yield changed(content, rng)


def check(answer: Answer, names: list[str], content: bytes, out: Path) -> None:
    """Check how a command ended; what it was given is kept for who looks into it."""
    said = answer.err + answer.out
    named = answer.code == 0 or any(name in said for name in names)
    if answer.code not in (0, 1, 2) or not named or INTERNAL.search(said):
        out.write_bytes(content)
        pytest.fail(f"{out} gives {answer.code}: {said[-800:]}")


def test_traces(command: Command, short_runs: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(short_runs / "pid0", tmp_path / "run"))
    shutil.copytree(short_runs / "pid1", tmp_path / "other")
    trace = run / "trace.jsonl"
    whole = trace.read_bytes()
    calls = [("compare", "run", "other"), ("report", "run"), ("replay", "run")]
    for number, content in enumerate(changes("trace", whole)):
        trace.write_bytes(content)
        check(command(*calls[number % len(calls)]), ["trace.jsonl"], content, tmp_path / "bad")


def test_configurations(tmp_path: Path) -> None:
    saved = tmp_path / ".hydra" / "config.yaml"
    saved.parent.mkdir()
    whole = OmegaConf.to_yaml(make_config(), resolve=True).encode()
    for content in changes("config", whole):
        saved.write_bytes(content)
        message = "config.yaml"
        try:
            saved_config(tmp_path)
        except (ValueError, OSError) as error:
            message = str(error)
        assert "config.yaml" in message, content
        assert not INTERNAL.search(message), content


def test_tables(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 3, (40, 3))
    text = "voice,face,y\n" + "".join(f"{a},{b},{c % 2}\n" for a, b, c in rows)
    quick = ("--probe", "kmeans", "--resamples", "5", "--shuffles", "2")
    for content in changes("table", text.encode()):
        (tmp_path / "a.csv").write_bytes(content)
        check(command("pid", "a.csv", *quick), ["a.csv"], content, tmp_path / "bad")


def test_arrays(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(
        tmp_path / "a.npz", y=rng.integers(0, 2, 40), a=rng.integers(0, 3, 40),
        b=rng.integers(0, 3, 40),
    )  # fmt: skip
    whole = (tmp_path / "a.npz").read_bytes()
    quick = ("--probe", "kmeans", "--resamples", "5", "--shuffles", "2")
    for content in changes("arrays", whole):
        (tmp_path / "a.npz").write_bytes(content)
        check(command("pid", "a.npz", *quick), ["a.npz"], content, tmp_path / "bad")


def test_lists(command: Command, tmp_path: Path) -> None:
    words = [f"some words of {'good' if n % 2 else 'bad'} kind {n}" for n in range(40)]
    text = "title,number,label\n" + "".join(f"{w},{n},{n % 2}\n" for n, w in enumerate(words))
    given = ("dataset.list=a.csv", "+dataset.modalities.number.kind=numbers")
    for content in changes("list", text.encode()):
        (tmp_path / "a.csv").write_bytes(content)
        answer = command("data", "check", "files", *given, "--json")
        report = json.loads(answer.out) if answer.out.startswith("{") else None
        names = ["a.csv"] if report is None else [""]
        check(answer, names, content, tmp_path / "bad")
