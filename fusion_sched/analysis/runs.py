"""Where the runs lie: folders, patterns, and what sweeps have started."""

import glob
import json
from collections.abc import Iterable
from pathlib import Path

from fusion_sched.runlog import TRACE_FILE

JOBS_FILE = "jobs.jsonl"
"""In the folder of a sweep: a line per job that was started: number, folder and overrides."""
WILDCARDS = "*?["


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Return every run folder among the paths or below them, each once.

    A path that does not exist and holds ``*``, ``?`` or ``[`` is a pattern; ``**`` goes down any
    number of folders.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run, or a pattern without one.
    """
    found: list[Path] = []
    for path in paths:
        runs = [run for folder in expand(path) for run in runs_below(folder)]
        if not runs:
            raise FileNotFoundError(
                f"{path} holds no {TRACE_FILE}, nor does any folder below it; expected folders of "
                "`fusion-sched train` runs, or a pattern of such folders"
            )
        found += runs
    return list(dict.fromkeys(found))


def expand(path: Path) -> list[Path]:
    """Return the folders that a pattern matches, or the path itself."""
    if path.exists() or not set(WILDCARDS) & set(str(path)):
        return [path]
    return [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]


def runs_below(folder: Path) -> list[Path]:
    """Return the run folders at or below a folder, sorted; that of a trace for the trace."""
    if folder.name == TRACE_FILE:
        return [folder.resolve().parent]
    return sorted(trace.parent for trace in folder.resolve().rglob(TRACE_FILE))


def failed_jobs(paths: Iterable[Path], runs: Iterable[Path]) -> list[str]:
    """Return a sentence for each sweep of which jobs were started that left no run.

    Sweeps are found at and below the paths, and in the folders that hold the runs.
    """
    below = [file for p in paths for f in expand(p) for file in sorted(f.rglob(JOBS_FILE))]
    beside = [file for run in runs if (file := run.parent / JOBS_FILE).is_file()]
    files = dict.fromkeys(file.resolve() for file in [*below, *beside])
    return [told for file in files if (told := failures_of(file)) is not None]


def failures_of(file: Path) -> str | None:
    """Return the sentence for one sweep, ``None`` where every job left a run.

    A job is known by its configuration, however its overrides were spelt: in a sweep that was
    resumed its last start counts, and a folder belongs to the last job that took it.
    """
    jobs, owners = {}, {}
    for line in file.read_text(encoding="utf-8").splitlines():
        job = json.loads(line)
        jobs[job["configuration"]] = job
        owners[job["folder"]] = job["configuration"]
    shared = set.intersection(*(set(job["overrides"]) for job in jobs.values()))
    failed = [
        f"{job['job']} ({' '.join(o for o in job['overrides'] if o not in shared)})"
        for configuration, job in jobs.items()
        if owners[job["folder"]] != configuration
        or not (file.parent / job["folder"] / TRACE_FILE).is_file()
    ]
    if not failed:
        return None
    return f"jobs of {file.parent} that failed before their first event: {', '.join(failed)}"


def note_job(sweep: Path, job: int, folder: Path, overrides: list[str], configuration: str) -> None:
    """Append a job that starts, its run's folder and the hash of its configuration, to a list."""
    record = {
        "job": job, "folder": folder.relative_to(sweep).as_posix(), "overrides": overrides,
        "configuration": configuration,
    }  # fmt: skip
    with (sweep / JOBS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
