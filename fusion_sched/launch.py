"""Behind ``fusion-sched train`` and ``replay``: Hydra composes, these functions run."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from yaml import YAMLError

from fusion_sched.build import build, build_controller
from fusion_sched.checkpoint import CHECKPOINT_DIR, LAST
from fusion_sched.compare import compare
from fusion_sched.config import TrainConfig, config_dir, register
from fusion_sched.display import Display
from fusion_sched.protocol import PLACES
from fusion_sched.replay import recorded_stages
from fusion_sched.replay import replay as replay_trace
from fusion_sched.report import PICTURE, draw_trace, optimism_line, result_table
from fusion_sched.run import Parts
from fusion_sched.trace import TRACE_FILE, read_trace
from fusion_sched.train import train as train_parts

SAVED = ".hydra"
FULL_ERROR = "HYDRA_FULL_ERROR"

register()


def train(arguments: list[str]) -> None:
    """Let Hydra read the overrides and run ``task``, once or as a sweep."""
    sys.argv = ["fusion-sched train", *arguments]
    # Hydra would print errors in its own way and leave; with this they reach the command line's
    # one place for errors instead.
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    failures: list[Exception] = []
    here = os.getpid()

    def run(cfg: DictConfig) -> None:
        # Hydra ends a sweep with its first error and without its table: errors of this process
        # are kept from it. In a worker of a parallel launcher there is no such list.
        try:
            task(cfg)
        except Exception as error:
            if os.getpid() != here:
                raise
            failures.append(describe_failure(error))

    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(run)()
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before
    if len(failures) > 1:
        raise ValueError("\n".join(map(str, failures))) from failures[0]
    if failures:
        raise failures[0]


def describe_failure(error: Exception) -> Exception:
    """Return the error, in a sweep with the job's number and overrides before its message."""
    hydra_cfg = HydraConfig.get()
    if hydra_cfg.mode != RunMode.MULTIRUN:
        return error
    failure = ValueError(f"job {hydra_cfg.job.num} ({hydra_cfg.job.override_dirname}): {error}")
    failure.__cause__ = error  # for those who ask for the traceback
    return failure


def plain_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for tables where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def task(cfg: DictConfig) -> None:
    """Run one training in the folder that Hydra chose."""
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir)
    console = plain_console()
    if hydra_cfg.mode == RunMode.MULTIRUN:
        console.rule(f"job {hydra_cfg.job.num}: {hydra_cfg.job.override_dirname}", align="left")
    try:
        check_free(folder)
        make_paths_absolute(cfg)
        parts = build(cfg)
        save_config(cfg, folder)
        execute(parts, folder, console)
    except Exception:
        with suppress(OSError):  # only an empty folder goes: one that holds anything stays
            folder.rmdir()
        raise


def make_paths_absolute(cfg: DictConfig) -> None:
    """Make the dataset's folders absolute, so that the run can be resumed from any folder."""
    for key in PLACES:
        place = None if OmegaConf.is_missing(cfg.dataset, key) else cfg.dataset.get(key)
        if isinstance(place, str):
            cfg.dataset[key] = str(Path(place).resolve())


def check_free(folder: Path) -> None:
    """Raise where the run folder already holds something."""
    held = sorted(p.name for p in folder.iterdir())
    if not held:
        return
    begun = (folder / CHECKPOINT_DIR / LAST).exists()
    go_on = f"go on with it by `fusion-sched train resume={folder}`, or " if begun else ""
    raise FileExistsError(
        f"{folder} already holds {', '.join(held[:4])}; nothing was overwritten: {go_on}choose "
        "another hydra.run.dir (in a sweep: hydra.sweep.dir)"
    )


def save_config(cfg: DictConfig, folder: Path) -> None:
    """Write the composed configuration and the overrides, as Hydra would have."""
    hydra_cfg = HydraConfig.get()
    saved = folder / SAVED
    saved.mkdir()
    OmegaConf.save(cfg, saved / "config.yaml", resolve=True)
    OmegaConf.save(hydra_cfg.overrides.task, saved / "overrides.yaml")
    OmegaConf.save(OmegaConf.create({"hydra": hydra_cfg}), saved / "hydra.yaml")


def execute(parts: Parts, folder: Path, console: Console) -> None:
    """Train, draw, and print the closing table and where everything lies."""
    try:
        with Display(console) as display:
            train_parts(parts, folder, display.show)
    except KeyboardInterrupt:
        console.print(
            f"interrupted; go on by: fusion-sched train resume={shown_path(folder)}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        raise
    conclude(folder, console)


def conclude(folder: Path, console: Console) -> None:
    """Draw the picture and print the closing table of a run that has ended."""
    trace = read_trace(folder)
    draw_trace(trace, folder / PICTURE)
    console.print(result_table(trace))
    result = cast(dict[str, Any], trace.result)
    for text in (
        optimism_line(result),
        f"{result['seconds']['total']:.1f} s, {result['probe_share']:.0%} of it for diagnoses",
        f"run: {shown_path(folder)}  ({TRACE_FILE}, {PICTURE})",
    ):
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def shown_path(folder: Path) -> str:
    """Return a path relative to the working directory where that is shorter."""
    relative = os.path.relpath(folder)
    return relative if not relative.startswith("..") else str(folder)


class SweepTable(Callback):
    """Prints one table over all runs of a sweep at its end."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Compare what the sweep folder holds."""
        folder = Path(config.hydra.sweep.dir)
        console = plain_console()
        table, notes = compare([folder])
        console.rule(f"sweep: {shown_path(folder)}", align="left")
        console.print(table)
        for note in notes:
            console.print(f"note: {note}", markup=False, soft_wrap=True)


def resume(arguments: list[str], console: Console) -> None:
    """Go on with a run from its last checkpoint, with the configuration it began with."""
    others = [a for a in arguments if not a.startswith("resume=")]
    if others or len(arguments) != 1:
        raise ValueError(
            f"resume goes on with the configuration of the run, so it takes no other override; "
            f"got {' '.join(others or arguments)}"
        )
    folder = Path(arguments[0].removeprefix("resume="))
    saved = folder / SAVED / "config.yaml"
    if not saved.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a run: {saved} does not exist; expected the folder "
            "that `fusion-sched train` printed"
        )
    if (folder / TRACE_FILE).exists() and read_trace(folder).result is not None:
        console.print(f"{folder} has already ended; nothing to go on with", highlight=False)
        conclude(folder, console)
        return
    try:
        loaded = OmegaConf.load(saved)
    except YAMLError as error:
        raise ValueError(f"{saved} is not readable as yaml: {error}; bring it back") from error
    cfg = cast(DictConfig, OmegaConf.merge(OmegaConf.structured(TrainConfig), loaded))
    execute(build(cfg), folder, console)


def replay(arguments: list[str], console: Console) -> None:
    """Print what a controller would have decided on a stored trace."""
    folder, overrides = Path(arguments[0]), arguments[1:]
    foreign = [o for o in overrides if not o.lstrip("+~").startswith("controller")]
    if foreign:
        raise ValueError(
            f"replay takes overrides of the controller only, got {' '.join(foreign)}; expected "
            "`fusion-sched replay RUN controller=pid controller.threshold=2`"
        )
    trace = read_trace(folder)
    controller = build_controller(replayed_config(trace.start, overrides))
    steps = replay_trace(trace, controller)
    table = Table(title=f"{controller} on {folder}", title_justify="left")
    for title in ("after epoch", "stage", "training", "reason"):
        table.add_column(title)
    for step in steps:
        stage = step.decision.stage
        when = "start" if step.epoch < 0 else str(step.epoch + 1)
        reason = escape(step.decision.reason)
        table.add_row(when, stage.name, ", ".join(stage.active), reason)
    console.print(table)
    console.print(replay_verdict(steps, recorded_stages(trace)), highlight=False)


def replayed_config(start: dict[str, Any], overrides: list[str]) -> DictConfig:
    """Return the run's own configuration with the controller's keys, or the controller, changed."""
    cfg = OmegaConf.create(start["config"])
    choices = [o for o in overrides if o.startswith("controller=")]
    if choices:
        stages = [f"seed={start['seed']}", f"stage1.epochs={cfg.stage1.epochs}"]
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            cfg.controller = compose("train", overrides=[*stages, *choices]).controller
    keys = [o.lstrip("+") for o in overrides if o not in choices]
    return cast(DictConfig, OmegaConf.merge(cfg, OmegaConf.from_dotlist(keys)))


def replay_verdict(steps: list[Any], recorded: list[tuple[int, dict[str, Any]]]) -> str:
    """Say where the replayed decisions leave those of the run."""
    mine = [(s.epoch, s.decision.stage.name, list(s.decision.stage.active)) for s in steps]
    theirs = [(epoch, to["stage"], to["active"]) for epoch, to in recorded]
    if mine == theirs:
        return "the same decisions as in the run itself"
    pairs = zip(mine, theirs, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(mine), len(theirs)))
    at = min(m[first][0] for m in (mine, theirs) if first < len(m))
    return (
        f"differs from the run after epoch {at + 1}: the diagnoses beyond it are those of the run "
        "as it was trained, so later rows say what the controller would have answered to them"
    )
