"""Behind `fusion-sched replay`: run a controller over a stored trace."""

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.commands.train import saved_config
from fusion_sched.config.build import build, build_controller
from fusion_sched.config.schema import config_dir, register
from fusion_sched.config.targets import check_targets, split_allowed
from fusion_sched.controllers.bandit import Bandit, Round, name_of, regrets
from fusion_sched.runlog import GENERALISING, Trace, inside, main_reading, read_trace
from fusion_sched.runtime.files import naming
from fusion_sched.training.branches import BranchResult, branches_of, hand_over_of, train_branch
from fusion_sched.types import FUSED

OVERRIDE = re.compile(r"controller=.+|\+{0,2}controller\.[^=]+=.*", re.DOTALL)
"""Another controller, or a key of it; none can be left out."""

SAME = "the same decisions as in the run itself"

register()


def print_replay(arguments: list[str], console: Console, reading: str | None = None) -> None:
    """Print what a controller would have decided on a stored trace, on one of its readings."""
    allowed, arguments = split_allowed(arguments)
    folder, overrides = Path(arguments[0]), arguments[1:]
    foreign = [o for o in overrides if not OVERRIDE.fullmatch(o)]
    if foreign:
        raise ValueError(
            f"replay takes overrides of the controller only, got {' '.join(foreign)}; expected "
            "`fusion-sched replay RUN controller=pid controller.threshold=2`"
        )
    trace = read_trace(folder)
    epochs = inside(trace.start, "config", "stage1", "epochs")
    if inside(trace.start, "config", "controller") is None or not isinstance(epochs, int):
        raise ValueError(
            f"{trace.path} has no controller, or no number of epochs, in its configuration; an "
            "older version wrote it, or it is damaged"
        )
    typed = [o.partition("=")[2] for o in overrides if "_target_=" in o]
    with naming(trace.path):
        try:
            cfg = _replayed_config(trace.start, overrides)
            check_targets(cfg, trace.path, [*allowed, *typed])
            controller = build_controller(cfg)
        except OmegaConfBaseException as error:
            raise ValueError(str(error)) from error
        steps = replay_trace(trace, controller, reading)
    title = f"{controller} on {folder}, {_reading_words(trace, reading)}"
    table = Table(title=title, title_justify="left")
    for title in ("after epoch", "stage", "training", "reason"):
        table.add_column(title)
    for step in steps:
        stage = step.decision.stage
        when = "start" if step.epoch < 0 else str(step.epoch + 1)
        reason = escape(step.decision.reason)
        table.add_row(when, stage.name, ", ".join(stage.active), reason)
    console.print(table)
    verdict = _verdict(steps, recorded_stages(trace))
    console.print(verdict, highlight=False)
    if isinstance(controller, Bandit):
        _print_regret(steps[-1].state["rounds"], verdict == SAME, console)


def _print_regret(rounds: Sequence[Round], same: bool, console: Console) -> None:
    """Print what each round gained, and how far that is from the best arm in hindsight."""
    if not same or not rounds:
        why = "the run did not train these arms" if rounds else "no round has ended"
        console.print(f"no regret: {why}", highlight=False)
        return
    best, regret = regrets(rounds)
    title = f"bit per modality and epoch; the best arm in hindsight is {name_of(best)}"
    table = Table(title=title, title_justify="left")
    for heading in ("round", "arm", "gain", "regret", "in total"):
        table.add_column(heading)
    for number, (past, below, total) in enumerate(
        zip(rounds, regret, accumulate(regret), strict=True), start=1
    ):
        numbers = [f"{value:.4f}" for value in (past["bits_per_epoch"], below, total)]
        table.add_row(str(number), name_of(past["arm"]), *numbers)
    console.print(table)


def _reading_words(trace: Trace, reading: str | None) -> str:
    """Which diagnoses the controller took, and whether those of the run."""
    main = main_reading(trace.start)
    beside = any("generalising" in probe for probe in trace.of("probe"))
    if reading not in (None, main):
        return f"{reading} reading (the run itself used the {main} one)"
    other = f", {GENERALISING} one beside it" if beside else ""
    return f"{main} reading{other}"


def _replayed_config(start: dict[str, Any], overrides: list[str]) -> DictConfig:
    """Return the run's own configuration with the controller's keys, or the controller, changed."""
    cfg = OmegaConf.create(start["config"])
    choices = [o for o in overrides if o.startswith("controller=")]
    if choices:
        stages = [f"seed={start['seed']}", f"stage1.epochs={cfg.stage1.epochs}"]
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            cfg.controller = compose("train", overrides=[*stages, *choices]).controller
    keys = [o.lstrip("+") for o in overrides if o not in choices]
    return cast(DictConfig, OmegaConf.merge(cfg, OmegaConf.from_dotlist(keys)))


def _verdict(steps: list[Any], recorded: list[tuple[int, dict[str, Any]]]) -> str:
    """Say where the replayed decisions leave those of the run."""
    mine = [
        (s.epoch, s.decision.stage.name, list(s.decision.stage.active), s.decision.ensemble)
        for s in steps
    ]
    theirs = [
        (epoch, to["stage"], to["active"], to.get("ensemble", False)) for epoch, to in recorded
    ]
    if mine == theirs:
        return SAME
    pairs = zip(mine, theirs, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(mine), len(theirs)))
    at = min(m[first][0] for m in (mine, theirs) if first < len(m))
    return (
        f"differs from the run after epoch {at + 1}: the diagnoses beyond it are those of the run "
        "as it was trained, so later rows say what the controller would have answered to them"
    )


def print_branches(arguments: list[str], console: Console) -> None:
    """Train the branches of the run's hand-over and print what each would have given."""
    allowed, arguments = split_allowed(arguments)
    folder, overrides = Path(arguments[0]), arguments[1:]
    if overrides:
        raise ValueError(
            f"replay --branches trains with the run's own configuration, got {' '.join(overrides)}"
        )
    trace, branches = train_branches(folder, allowed)
    hand_over = hand_over_of(trace)["epoch"]
    table = Table(title=f"branches from the hand-over of {folder}", title_justify="left")
    for title in ("branch", "validation", "validation information", "test", "joint epochs"):
        table.add_column(title)
    for branch in branches:
        bits, ended = branch.held_out.information[FUSED], branch.result
        table.add_row(
            branch.name,
            f"{ended['validation'][FUSED]:.1%}",
            f"{bits.value:.3f} [{bits.interval[0]:.3f}, {bits.interval[1]:.3f}] bit",
            f"{ended['test'][FUSED]['accuracy']:.1%}",
            str(max(ended["epoch"] - hand_over, 0)),
        )
    console.print(table)
    console.print(_branch_verdict(judge_choice(trace, branches)), highlight=False)


def train_branches(folder: Path, allowed: Sequence[str] = ()) -> tuple[Trace, list[BranchResult]]:
    """Return the trace of a run that has ended and all branches of its hand-over, trained.

    Raises
    ------
    ValueError
        The run has not ended, chose no branch, or its branches have been trained before.
    """
    trace = read_trace(folder)
    event = hand_over_of(trace)
    if trace.result is None:
        raise ValueError(f"{folder} has not ended; go on by: fusion-sched train resume={folder}")
    if "test" not in trace.result:
        raise ValueError(f"{folder} has no test split, on which its branches would be compared")
    cfg = saved_config(folder, allowed)
    branches = branches_of(tuple(trace.start["modalities"]), tuple(event["fused"]))
    return trace, [
        train_branch(build(cfg), folder, event, name, decision)
        for name, decision in branches.items()
    ]


class ChoiceJudged(NamedTuple):
    """Test accuracy of a run and of its best branch, and one standard error of the difference."""

    own: float
    best: float
    branch: str
    error: float

    @property
    def right(self) -> bool:
        return self.best - self.own <= self.error


def judge_choice(trace: Trace, branches: Sequence[BranchResult]) -> ChoiceJudged:
    """Compare a run with its best branch on test."""
    assert trace.result is not None, "branches are those of a run that has ended"
    own = trace.result["test"][FUSED]["accuracy"]
    accuracies = {branch.name: branch.result["test"][FUSED]["accuracy"] for branch in branches}
    name = max(accuracies, key=lambda name: accuracies[name])
    best = accuracies[name]
    variance = own * (1 - own) + best * (1 - best)
    error = (variance / trace.start["split_sizes"]["test"]) ** 0.5
    return ChoiceJudged(own, best, name, error)


def _branch_verdict(judged: ChoiceJudged) -> str:
    return (
        f"the choice was {'right' if judged.right else 'wrong'}: the deployed model has "
        f"{judged.own:.1%} on test, the best branch, {judged.branch}, {judged.best:.1%}; one "
        f"standard error of the difference is {judged.error:.1%}"
    )
