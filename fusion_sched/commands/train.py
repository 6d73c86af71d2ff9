"""Behind `fusion-sched train` and `replay`: Hydra composes, these functions run."""

import os
import shlex
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from yaml import YAMLError

from fusion_sched.analysis import compare, note_job, render
from fusion_sched.analysis.studies import DIVERGED, PRUNED
from fusion_sched.commands import search, sweep
from fusion_sched.commands.console import make_console
from fusion_sched.commands.proposals import PrunedTrial
from fusion_sched.commands.suggest import check_added_keys, check_options
from fusion_sched.config.build import build
from fusion_sched.config.schema import TrainConfig, config_dir, register
from fusion_sched.config.targets import check_targets, split_allowed
from fusion_sched.report import PICTURE, draw_trace
from fusion_sched.report.live import (
    Display,
    diagnosis_lines,
    optimism_line,
    past_events,
    result_table,
)
from fusion_sched.runlog import TRACE_FILE, read_trace
from fusion_sched.runlog.protocol import PLACES
from fusion_sched.runtime.distributed import join_processes
from fusion_sched.runtime.environment import shown_path
from fusion_sched.training.components import EventSink, RunComponents
from fusion_sched.training.trainer import train

FULL_ERROR = "HYDRA_FULL_ERROR"
PROCESS = uuid.uuid4().hex
"""Distinguishes this process from a launcher's workers, also on other machines."""

register()


@dataclass(frozen=True)
class Job:
    """What Hydra calls for each run: in this process, or pickled in a launcher's worker."""

    resume: bool
    failure_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: str = PROCESS
    errors: list[Exception] = field(default_factory=list)

    def __call__(self, cfg: DictConfig) -> search.Outcome | None:
        """Run one training; its error is kept from Hydra, which would end the whole sweep.

        The trial of a study returns what has become of it.
        """
        worker = self.process != PROCESS
        try:
            if worker:  # its launcher may have started it anywhere
                os.chdir(HydraConfig.get().runtime.cwd)
            return task(cfg, self.resume, worker)
        except PrunedTrial:
            return search.Outcome(PRUNED)
        except Exception as error:
            if search.in_study() and isinstance(error, FloatingPointError):
                return search.Outcome(DIVERGED)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                sweep.write_failure(self.failure_id, error)
            else:
                self.errors.append(error)
        return None


def launch(arguments: list[str]) -> None:
    """Let Hydra read the overrides and run `task`, once or as a sweep."""
    resume, overrides = sweep.split_resume(arguments)
    sweep.check_folders(overrides)
    search.check_multirun(overrides)
    check_options(overrides)
    check_added_keys(overrides)
    many = [a for a in overrides if a in ("-m", "--multirun")]  # Hydra takes it at an end only
    overrides = [*many[:1], *(a for a in overrides if a not in many)]
    sys.argv = ["fusion-sched train", *map(sweep.absolute_sweep_dir, overrides)]
    sweep.SweepDirCallback.forget()
    job = Job(resume)
    # Hydra would print errors in its own way and leave; with this they reach the command line's
    # one place for errors instead.
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    stopped: Exception | None = None
    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(job)()
    except MissingConfigException as error:
        raise sweep.missing_extra(error) from error
    except sweep.RefusedSweep as refusal:
        raise ValueError(str(refusal)) from refusal
    except (HydraException, OmegaConfBaseException):
        raise
    except Exception as error:
        if sweep.SweepDirCallback.folder is None:
            raise
        stopped = error
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before
    if job.errors:
        raise job.errors[0]
    report_sweep(job.failure_id, stopped, traceback=before not in (None, "", "0"))


def report_sweep(failure_id: str, stopped: Exception | None, traceback: bool) -> None:
    """Raise where jobs of the sweep that has just run have failed, or the launcher has."""
    folder = sweep.SweepDirCallback.folder
    if folder is None:
        return
    failures = sweep.read_failures(folder, failure_id)
    messages = [f["traceback"] + f["message"] if traceback else f["message"] for f in failures]
    if stopped is not None:
        reason = str(stopped).strip().splitlines() or [""]
        messages.append(
            f"the launcher stopped before all jobs had ended ({type(stopped).__name__}: "
            f"{reason[0]}); go on by the same command with hydra.sweep.dir={shown_path(folder)} "
            "sweep.resume=true"
        )
    if messages:
        raise ValueError("\n".join(messages)) from stopped


def _console() -> Console:
    """Return a console as wide as the terminal, or wide enough for tables where there is none."""
    console = make_console()
    return console if console.is_terminal else make_console(width=120)


def task(cfg: DictConfig, resume: bool = False, worker: bool = False) -> search.Outcome | None:
    """Run one training in the folder that Hydra chose; in a resumed sweep, in the run's own.

    A `worker` shares the terminal with others, so it prints plain lines. A trial prints no results
    of test, and returns its own of validation.
    """
    job = HydraConfig.get().job
    console = make_console(width=120, force_terminal=False) if worker else _console()
    many = HydraConfig.get().mode == RunMode.MULTIRUN
    if many:
        console.rule(f"job {job.num}: {job.override_dirname}", align="left")
    make_paths_absolute(cfg)
    folder = _agreed_run_dir(cfg, resume)
    if many:  # one that leaves nothing behind is missed later
        overrides = sorted(HydraConfig.get().overrides.task)
        own_hash = sweep.configuration_hash(cfg)
        note_job(sweep.sweep_folder(), job.num, folder.resolve(), overrides, own_hash)
    if sweep.has_ended(folder):
        console.print(f"{shown_path(folder)} has already ended", highlight=False, soft_wrap=True)
        return search.outcome_of(folder) if search.in_study() else None
    with sweep.released_on_failure(folder):
        parts = build(cfg)
    if not search.in_study():
        execute(parts, folder, console)
        return None
    execute_trial(parts, folder, console)
    return search.outcome_of(folder)


def _agreed_run_dir(cfg: DictConfig, resume: bool) -> Path:
    """Return the run's folder; of several processes, the first one's, where all of them train."""
    processes = join_processes(cfg.device)
    own = str(sweep.acquire_run_dir(cfg, resume)) if processes.first else ""
    folder = Path(processes.agree(own))
    mine = Path(HydraConfig.get().runtime.output_dir)
    if not processes.first and mine.resolve() != folder.resolve():
        mine.rmdir()  # Hydra made one for every process, by the clock
    return folder


def make_paths_absolute(cfg: DictConfig) -> None:
    """Make the dataset's folders absolute, so that the run can be resumed from any folder."""
    for key in PLACES:
        place = None if OmegaConf.is_missing(cfg.dataset, key) else cfg.dataset.get(key)
        if isinstance(place, str):
            cfg.dataset[key] = place and str(Path(place).resolve())
        elif place is not None:  # a list of files
            cfg.dataset[key] = [str(Path(file).resolve()) for file in place]


def execute(parts: RunComponents, folder: Path, console: Console) -> None:
    """Train, draw, and print the closing table and where everything lies."""
    train_shown(parts, folder, console)
    if parts.processes.first:
        conclude(folder, console)


def execute_trial(parts: RunComponents, folder: Path, console: Console) -> None:
    """Train one run of a study; it may be pruned."""
    if HydraConfig.get().sweeper.prune:
        if parts.processes.count > 1:
            raise ValueError(
                "hydra.sweeper.prune=true ends a run in one of its processes while the others "
                f"wait; got {parts.processes.count} processes, expected one, or no pruning"
            )
        train_shown(parts, folder, console, search.pruner(folder))
    else:
        train_shown(parts, folder, console)


def train_shown(
    parts: RunComponents, folder: Path, console: Console, watch: EventSink = lambda event: None
) -> None:
    """Train while console, tracker and `watch`, which may raise, get every event."""
    if not parts.processes.first:
        train(parts, folder, lambda event: None)
        return
    try:
        with (
            Display(console, past_events(folder)) as display,
            closing(parts.tracker.open(folder)) as sink,
        ):

            def show(event: dict[str, Any]) -> None:
                display.show(event)
                sink.record(event)
                watch(event)

            train(parts, folder, show)
    except (KeyboardInterrupt, OSError) as stop:
        word = "interrupted" if isinstance(stop, KeyboardInterrupt) else "stopped"
        console.print(
            f"{word}; go on by: fusion-sched train resume={shown_path(folder)}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        raise


def conclude(folder: Path, console: Console) -> None:
    """Draw the picture and print the closing table of a run that has ended."""
    trace = read_trace(folder)
    draw_trace(trace, folder / PICTURE)
    console.print(result_table(trace))
    result = cast(dict[str, Any], trace.result)
    for text in (
        *diagnosis_lines(trace),
        optimism_line(trace),
        f"{result['seconds']['total']:.1f} s, {result['probe_share']:.0%} of it for diagnoses",
        f"run: {shown_path(folder)}  ({TRACE_FILE}, {PICTURE})",
        f"report: fusion-sched report {shlex.quote(shown_path(folder))}",
    ):
        console.print(text, markup=False, highlight=False, soft_wrap=True)


class SweepTable(Callback):
    """Prints one table over all runs of a sweep at its end."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        console = _console()
        text = render(compare([folder]), width=console.width)
        console.rule(f"sweep: {shown_path(folder)}", align="left")
        console.print(text, highlight=False, soft_wrap=True, markup=False)


def resume(arguments: list[str], console: Console) -> None:
    """Go on with a run from its last checkpoint, with the configuration it began with."""
    allowed, arguments = split_allowed(arguments)
    others = [a for a in arguments if not a.startswith("resume=")]
    if others or len(arguments) != 1:
        raise ValueError(
            f"resume goes on with the configuration of the run, so it takes no other override; "
            f"got {' '.join(others or arguments)}"
        )
    folder = Path(arguments[0].removeprefix("resume="))
    if (folder / sweep.HYDRA_DIR / sweep.CONFIG).is_file() and sweep.has_ended(folder):
        console.print(f"{folder} has already ended; nothing to go on with", highlight=False)
        conclude(folder, console)
        return
    execute(build(saved_config(folder, allowed)), folder, console)


def saved_config(folder: Path, allowed: Sequence[str] = ()) -> DictConfig:
    """Return the configuration that a run began with; it names only what is known or allowed."""
    saved = folder / sweep.HYDRA_DIR / sweep.CONFIG
    if not saved.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a run: {saved} does not exist; expected the folder "
            "that `fusion-sched train` printed"
        )
    try:
        loaded = OmegaConf.load(saved)
        cfg = cast(DictConfig, OmegaConf.merge(OmegaConf.structured(TrainConfig), loaded))
        check_targets(cfg, saved, allowed)
    except (YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
        if isinstance(error, ValueError) and str(saved) in str(error):
            raise
        raise ValueError(
            f"{saved} is damaged: {str(error).splitlines()[0]}; bring it back, or train again"
        ) from error
    if not isinstance(loaded, DictConfig) or any(
        "_target_" not in cfg[name] for name in ("dataset", "controller", "probe", "solver")
    ):
        raise ValueError(f"{saved} is not the whole configuration of a run; bring it back")
    return cfg
