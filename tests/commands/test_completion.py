"""A real bash asks the program as it is installed, and offers what fits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fusion_sched.commands.cli import app
from fusion_sched.commands.completion import SCRIPTS, candidates

PROGRAM = Path(sys.executable).with_name("fusion-sched")

CASES = [
    ("fusion-sched tr", ["train"]),
    ("fusion-sched data ch", ["check"]),
    ("fusion-sched compare --w", ["--wide"]),
    ("fusion-sched train contro", ["controller="]),
    ("fusion-sched train controller=pi", ["pid", "pid_paper"]),
    ("fusion-sched train controller=pid,jo", ["pid,joint"]),
    ("fusion-sched train controller=pid controller.flo", ["controller.floor_bits="]),
    ("fusion-sched train +method=og", ["ogm", "ogm_ge"]),
    ("fusion-sched train optimizer@stage2.optimizer=ad", ["adamw"]),
    ("fusion-sched train equal_budget=f", ["false"]),
    ("fusion-sched train --help solv", ["solver"]),
]
COMPLETE = """
eval "$(fusion-sched completion bash)"
complete -p fusion-sched >&2 || exit 3
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    COMPREPLY=()
    _fusion_sched 2>/dev/null
    echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.skipif(not PROGRAM.is_file(), reason="needs the installed program")
def test_bash_completes_the_installed_program() -> None:
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    lines = [line for line, _ in CASES[3:5]]
    done = subprocess.run(
        ["bash", "-c", COMPLETE], env=environment, input="\n".join(lines) + "\n",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "-F _fusion_sched fusion-sched" in done.stderr
    offered = [answer.split() for answer in done.stdout.splitlines()]
    for answer, (line, words) in zip(offered, CASES[3:5], strict=True):
        assert set(words) <= set(answer), line


@pytest.mark.parametrize(("line", "words"), CASES, ids=str)
def test_what_fits_is_offered(line: str, words: list[str]) -> None:
    offered = candidates(line, typer.main.get_group(app))
    begun = line.rpartition(" ")[2]
    assert all(candidate.startswith(begun) for candidate in offered)
    ends = [candidate.rpartition("=")[2] if "=" in begun else candidate for candidate in offered]
    assert set(words) <= set(ends), ends


def test_a_folder_is_left_to_the_shell() -> None:
    commands = typer.main.get_group(app)
    assert candidates("fusion-sched train dataset.root=", commands) == []
    assert candidates("fusion-sched report ", commands)[0].startswith("--")
    assert "fusion-sched 'unfinished" not in candidates("fusion-sched 'unfin", commands)


def test_every_shell_has_a_script_that_asks_the_program() -> None:
    assert set(SCRIPTS) == {"bash", "zsh", "fish"}
    assert all("fusion-sched completion query" in script for script in SCRIPTS.values())
