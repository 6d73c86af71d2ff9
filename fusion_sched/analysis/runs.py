"""Which runs there are, which of them can be compared, and which jobs of a sweep left none."""

import glob
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fusion_sched.analysis.studies import without_other_trials
from fusion_sched.runlog import TRACE_FILE, Trace, inside, read_trace
from fusion_sched.runtime.files import writing
from fusion_sched.types import FUSED

JOBS_FILE = "jobs.jsonl"
"""In the folder of a sweep: a line per job that was started: number, folder and overrides."""
WILDCARDS = "*?["
REQUIRED_FOR_NAME = (("config", "seed"), ("config", "dataset", "_target_"))
"""What a start event must hold for its run to have a row."""
REQUIRED_IN_START = (*REQUIRED_FOR_NAME, ("device",), ("protocol",))
REQUIRED_IN_RESULT = (
    ("validation", FUSED), ("test", FUSED, "accuracy"), ("optimism_gap",), ("unimodal_epochs",),
    ("probe_share",), ("seconds", "total"),
)  # fmt: skip
"""What a run that has ended must hold besides, to be in a table; in its result, numbers."""


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Find every run folder among the paths or below them, each once.

    Parameters
    ----------
    paths
        Run folders, their traces, folders that hold runs, or patterns: a path that does not exist
        and holds `*`, `?` or `[`, where `**` goes down any number of folders.

    Raises
    ------
    FileNotFoundError
        A path that does not exist or holds no run, or a pattern without one.
    """
    runs: list[Path] = []
    for path in paths:
        below = [run for folder in _expand(path) for run in _runs_below(folder)]
        if not below:
            raise FileNotFoundError(
                f"{path} holds no {TRACE_FILE}, nor does any folder below it; expected folders of "
                "`fusion-sched train` runs, or a pattern of such folders"
            )
        runs += below
    return list(dict.fromkeys(runs))


def _expand(path: Path) -> list[Path]:
    """Return the folders that a pattern matches, or the path itself."""
    if path.exists() or not set(WILDCARDS) & set(str(path)):
        return [path]
    return [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]


def _runs_below(folder: Path) -> list[Path]:
    """Return the run folders at or below a folder, sorted; that of a trace for the trace.

    A run inside the folder of another, such as a branch of its hand-over, belongs to that one. Of a
    study, only its best trial is there.
    """
    if folder.name == TRACE_FILE:
        return [folder.resolve().parent]
    # Of links that lead to each other, `Path.resolve` raises an error without a file.
    place = Path(os.path.realpath(folder))
    runs = {trace.parent for trace in place.rglob(TRACE_FILE)}
    outer = sorted(run for run in runs if not runs.intersection(run.parents))
    return without_other_trials(place, outer)


def read_runs(folders: list[Path]) -> tuple[list[Trace], list[str]]:
    """Return every trace that can be compared, and a sentence for each line and trace that cannot.

    Raises
    ------
    ValueError
        No trace can be compared.
    """
    traces, notes = [], []
    for folder in folders:
        try:
            traces.append(read_trace(folder))
        except ValueError as error:
            notes.append(f"left out: {error}")
    complete, incomplete = split_by_completeness(traces)
    notes += incomplete
    if not complete:
        raise ValueError("; ".join(notes))
    return complete, notes + [problem for trace in complete for problem in trace.problems]


def split_by_completeness(traces: Iterable[Trace]) -> tuple[list[Trace], list[str]]:
    """Return the traces with all required fields, and a sentence for each other one."""
    complete, notes = [], []
    for trace in traces:
        missing = _missing_fields(trace)
        if inside(trace.start, "split_sizes", "test") == 0:
            notes.append(f"{trace.path.parent} is not in the tables: it has no test split")
        elif missing:
            notes.append(
                f"{trace.path.parent} is not in the tables: its trace has no {', '.join(missing)} "
                "(an older version wrote it; train it again to compare it)"
            )
        else:
            complete.append(trace)
    return complete, notes


def _missing_fields(trace: Trace) -> list[str]:
    """Return the required fields that a trace lacks, keys joined by dots."""
    in_start = REQUIRED_FOR_NAME if trace.result is None else REQUIRED_IN_START
    missing: list[tuple[str, ...]] = [
        keys for keys in in_start if inside(trace.start, *keys) is None
    ]
    if trace.result is not None:
        tested = inside(trace.result, "test")
        heads = tested if isinstance(tested, dict) else ()
        scores = [("test", head, score) for head in heads for score in ("accuracy", "macro_f1")]
        numbers: list[tuple[str, ...]] = [*REQUIRED_IN_RESULT, *scores]
        missing += [
            keys
            for keys in dict.fromkeys(numbers)
            if not isinstance(inside(trace.result, *keys), int | float)
        ]
    return [".".join(keys) for keys in missing]


def has_name_fields(trace: Trace) -> bool:
    """Say whether a trace holds what the name of its row is made of."""
    return all(inside(trace.start, *keys) is not None for keys in REQUIRED_FOR_NAME)


def failed_jobs(paths: Iterable[Path], runs: Iterable[Path]) -> list[str]:
    """Return a sentence for each sweep of which jobs were started that left no run.

    Sweeps are found at and below the paths, and in the folders that hold the runs.
    """
    below = [file for p in paths for f in _expand(p) for file in sorted(f.rglob(JOBS_FILE))]
    beside = [file for run in runs if (file := run.parent / JOBS_FILE).is_file()]
    files = dict.fromkeys(file.resolve() for file in [*below, *beside])
    return [sentence for file in files for sentence in _failures_of(file)]


def _failures_of(file: Path) -> list[str]:
    """Return a sentence for the failed jobs of one sweep, and one for each line left out.

    A job is known by its configuration, however its overrides were spelt: in a sweep that was
    resumed its last start counts, and a folder belongs to the last job that took it.
    """
    jobs, owners, sentences = {}, {}, []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        job = _job_in(line)
        if job is None:
            sentences.append(
                f"{file} line {number} was left out: it is no whole record of a job: "
                f"{line[:40].decode(errors='replace')!r}"
            )
            continue
        jobs[job["configuration"]] = job
        owners[job["folder"]] = job["configuration"]
    shared = set.intersection(*(set(job["overrides"]) for job in jobs.values())) if jobs else set()
    failed = [
        f"{job['job']} ({' '.join(o for o in job['overrides'] if o not in shared)})"
        for configuration, job in jobs.items()
        if owners[job["folder"]] != configuration
        or not (file.parent / job["folder"] / TRACE_FILE).is_file()
    ]
    if failed:
        names = ", ".join(failed)
        sentences.append(f"jobs of {file.parent} that failed before their first event: {names}")
    return sentences


def _job_in(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line of a sweep's list of jobs, `None` where it is none."""
    try:
        job = json.loads(line)
    except (ValueError, RecursionError):
        return None
    types = {"job": int, "folder": str, "overrides": list, "configuration": str}
    if not isinstance(job, dict) or not all(isinstance(job.get(k), t) for k, t in types.items()):
        return None
    overrides = job["overrides"]
    inside_sweep = ".." not in Path(job["folder"]).parts and "\0" not in job["folder"]
    return job if inside_sweep and all(isinstance(o, str) for o in overrides) else None


def note_job(sweep: Path, job: int, folder: Path, overrides: list[str], configuration: str) -> None:
    """Append a job that starts to the sweep's list of jobs.

    Parameters
    ----------
    sweep
        Folder of the sweep.
    job
        Number of the job.
    folder
        Folder of its run, below that of the sweep.
    overrides
        As on the command line.
    configuration
        Hash of its configuration.
    """
    record = {
        "job": job, "folder": folder.relative_to(sweep).as_posix(), "overrides": overrides,
        "configuration": configuration,
    }  # fmt: skip
    path = sweep / JOBS_FILE
    with writing(path), path.open("ab+") as file:
        file.seek(max(file.tell() - 1, 0))
        glue = b"" if file.read(1) in (b"", b"\n") else b"\n"  # a killed job left part of a line
        file.write(glue + json.dumps(record).encode() + b"\n")


def result_of(run: Trace) -> dict[str, Any]:
    """Return the result of a run that has ended."""
    assert run.result is not None, "rows hold ended runs"
    return run.result
