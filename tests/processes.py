"""The command line in processes of its own, forked from one that has imported the package.

A test that kills a process needs a real one. An interpreter that imports torch and Hydra anew costs
seconds of CPU time; a fork of one that has done so costs none. The server that forks has never
trained, so that its children are as good as new.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["fusion_sched.commands.cli", "fusion_sched.commands.train", "fusion_sched.config.build",
     "fusion_sched.training.trainer", "fusion_sched.report.paper.picture", "sklearn.cluster"]
)  # fmt: skip


class Answer:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Forked:
    """A function that runs in `folder`, in a process group of its own."""

    def __init__(self, folder: Path, function: Callable[..., None], *arguments: Any) -> None:
        self._outputs = Path(tempfile.mkdtemp(dir=folder.parent))
        self._process = CONTEXT.Process(
            target=_run_in_group, args=(folder, self._outputs, function, arguments)
        )
        self._process.start()

    def running(self) -> bool:
        return self._process.is_alive()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to the process and those it has started; return whether it was in time."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.join()
        return self._process.exitcode != 0

    def wait(self) -> Answer:
        """Wait for the end; return exit code and output."""
        self._process.join()
        out, err = ((self._outputs / name).read_text("utf-8") for name in ("out", "err"))
        assert self._process.exitcode is not None
        return Answer(self._process.exitcode, out, err)


def start_command(folder: Path, *arguments: str) -> Forked:
    """Start `fusion-sched` with these arguments in `folder`."""
    return Forked(folder, _call_command, *arguments)


def _call_command(*arguments: str) -> None:
    from fusion_sched.commands import cli

    sys.argv = ["fusion-sched", *arguments]
    cli.main()


def _run_in_group(
    folder: Path, outputs: Path, function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    os.setsid()
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        with (outputs / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    function(*arguments)
