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
from rich.table import Table

from fusion_sched.build import build, build_controller
from fusion_sched.compare import compare
from fusion_sched.config import TrainConfig, config_dir, register
from fusion_sched.display import Display
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

    def run(cfg: DictConfig) -> None:
        # An error that Hydra sees it announces in its own words; a sweep's should be, since each
        # names its job and the sweep goes on, a single run's is for the command line alone.
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            task(cfg)
            return
        try:
            task(cfg)
        except Exception as error:
            failures.append(error)

    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(run)()
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before
    if failures:
        raise failures[0]


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
        parts = build(cfg)
        save_config(cfg, folder)
        execute(parts, folder, console)
    except Exception:
        with suppress(OSError):  # only an empty folder goes: one that holds anything stays
            folder.rmdir()
        raise


def check_free(folder: Path) -> None:
    """Raise where the run folder already holds something."""
    if any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} already holds {', '.join(sorted(p.name for p in folder.iterdir())[:4])}; "
            f"nothing was overwritten: go on with it by `fusion-sched train resume={folder}`, or "
            "choose another hydra.run.dir"
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
    with Display(console) as display:
        train_parts(parts, folder, display.show)
    conclude(folder, console)


def conclude(folder: Path, console: Console) -> None:
    """Draw the picture and print the closing table of a run that has ended."""
    trace = read_trace(folder)
    draw_trace(trace, folder / PICTURE)
    console.print(result_table(trace))
    result = cast(dict[str, Any], trace.result)
    console.print(optimism_line(result), highlight=False)
    console.print(f"run: {shown_path(folder)}  ({TRACE_FILE}, {PICTURE})", highlight=False)


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
    loaded = OmegaConf.load(saved)
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
    own = list(OmegaConf.load(folder / SAVED / "overrides.yaml"))
    kept = [o for o in own if str(o).startswith("controller")]
    if any(o.startswith("controller=") for o in overrides):
        kept = []
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=[*kept, *overrides])
    controller = build_controller(cfg)
    steps = replay_trace(trace, controller)
    table = Table(title=f"{controller} on {folder}", title_justify="left")
    for title in ("after epoch", "stage", "training", "reason"):
        table.add_column(title)
    for step in steps:
        stage = step.decision.stage
        when = "start" if step.epoch < 0 else str(step.epoch + 1)
        table.add_row(when, stage.name, ", ".join(stage.active), step.decision.reason)
    console.print(table)
    console.print(replay_verdict(steps, recorded_stages(trace)), highlight=False)


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


def print_help(console: Console) -> None:
    """Print how to call train, and every group with its choices."""
    console.print(TRAIN_USAGE, soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column()
    for group, choices in list_choices().items():
        for number, (name, summary) in enumerate(choices.items()):
            table.add_row("" if number else group, name, summary)
    console.print(table)
    console.print(TRAIN_MORE, soft_wrap=True)


def list_choices() -> dict[str, dict[str, str]]:
    """Return group → choice → its first comment line, read from the configs."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(config_dir().glob("*/*.yaml")):
        comments = [
            text.removeprefix("#").strip()
            for text in path.read_text(encoding="utf-8").splitlines()
            if text.startswith("#") and "@package" not in text
        ]
        found.setdefault(path.parent.name, {})[path.stem] = comments[0] if comments else ""
    return found


def print_replay_help(console: Console) -> None:
    """Print how to call replay."""
    console.print(REPLAY_USAGE, soft_wrap=True)


TRAIN_USAGE = """\
[bold]fusion-sched train[/] [KEY=VALUE …]

Train a multimodal classifier in two stages: each modality alone, then jointly.
A diagnostic decomposes, in bits, what the embeddings know of the label; the
controller reads it and decides who trains and when the joint stage starts.

  fusion-sched train                                built-in digits, controller=pid
  fusion-sched train controller=joint seed=3        another choice, another seed
  fusion-sched train +experiment=digits_halves      a prepared experiment
  fusion-sched train dataset=arrays dataset.root=my.npz        your own arrays
  fusion-sched train -m seed=0,1,2 controller=pid,joint        a sweep: six runs
  fusion-sched train resume=outputs/train/…         go on with an interrupted run
  fusion-sched train --cfg job                      print the configuration only

Groups and choices (GROUP=CHOICE; an experiment is added: +experiment=CHOICE):
"""

TRAIN_MORE = """
Keys of a choice are set with a dot: controller.threshold=3, probe.every=5.
Stages: stage1.epochs, stage2.epochs, stage2.unimodal_weight, equal_budget;
  optimizer@stage1.optimizer=adamw, stage1.optimizer.lr=0.02,
  scheduler@stage2.scheduler=cosine.
Others: batch_size, seed, device, threads. Run folder: hydra.run.dir=FOLDER.
Hydra's own flags: fusion-sched train --hydra-help.
"""

REPLAY_USAGE = """\
[bold]fusion-sched replay[/] RUN [controller=CHOICE] [controller.KEY=VALUE …]

Run a controller over the stored trace of RUN and print what it would have decided, without
training. Without controller=CHOICE it is the run's own controller, with the given keys changed.

  fusion-sched replay outputs/train/… controller=pid controller.threshold=2
"""
