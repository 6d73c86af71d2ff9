"""Writes `trace.jsonl`: one JSON object per line, flushed after each."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fusion_sched.runlog.schema import TRACE_FILE
from fusion_sched.runtime.files import atomic_write, writing


class TraceWriter:
    """Appends events and passes each on to ``show``.

    ``keep_lines`` cuts an older file back to that many lines first; ``elapsed`` is the number of
    seconds the run had taken before this process.
    """

    def __init__(
        self,
        run_dir: Path,
        show: Callable[[dict[str, Any]], None],
        keep_lines: int = 0,
        elapsed: float = 0.0,
    ) -> None:
        self.path = run_dir / TRACE_FILE
        self._show = show
        self.lines = keep_lines
        self._started = time.perf_counter() - elapsed
        kept = self._first_lines(keep_lines)
        with atomic_write(self.path) as file:
            file.write(b"".join(kept))
        # Without a buffer: what a full disk refuses is not written again when the file is closed.
        self._file = self.path.open("ab", buffering=0)

    def _first_lines(self, count: int) -> list[bytes]:
        if count == 0:
            return []
        whole = [line for line in self.path.read_bytes().splitlines(True) if line.endswith(b"\n")]
        if len(whole) < count:
            raise ValueError(
                f"{self.path} has {len(whole)} whole lines but the checkpoint was made after "
                f"{count}; the trace was cut or replaced, so the run cannot go on: start a new one"
            )
        return whole[:count]

    @property
    def elapsed(self) -> float:
        """Seconds since the run started, over all its processes."""
        return time.perf_counter() - self._started

    def write(self, event: str, **fields: Any) -> None:
        """Append one event.

        Raises
        ------
        ValueError
            A number in it that is not finite.
        OSError
            The file is gone, or cannot be written.
        """
        record = {"event": event, **fields, "time": round(self.elapsed, 3)}
        try:
            line = json.dumps(record, allow_nan=False)
        except ValueError as error:
            raise ValueError(
                f"{event} event holds a number that is not finite: {record}"
            ) from error
        if not os.fstat(self._file.fileno()).st_nlink:
            raise OSError(f"{self.path} was deleted while its run was writing it; start a new run")
        with writing(self.path):
            rest = f"{line}\n".encode()
            while rest:  # a disk that gets full takes a part
                rest = rest[self._file.write(rest) :]
        self.lines += 1
        self._show(record)

    def sync(self) -> None:
        """Wait until what was written is on the disk: a checkpoint counts these lines."""
        with writing(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class NullTraceWriter:
    """In the place of a trace's writer in every process of a training but the first."""

    def __init__(self, lines: int = 0, elapsed: float = 0.0) -> None:
        self.lines = lines
        self._started = time.perf_counter() - elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the run started."""
        return time.perf_counter() - self._started

    def write(self, event: str, **fields: Any) -> None:
        """Write nothing."""

    def sync(self) -> None:
        """Wait for nothing."""

    def close(self) -> None:
        """Close nothing."""
