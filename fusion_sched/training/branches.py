"""The branches that a choice at the hand-over could have taken, trained from the same weights."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusion_sched.controllers import jointly
from fusion_sched.runlog import FORMAT, Trace
from fusion_sched.runtime import checkpoint
from fusion_sched.training.components import RunComponents, make_loaders
from fusion_sched.training.hand_over import measure_fused
from fusion_sched.training.resume import open_trace
from fusion_sched.training.state import Run, RunState, make_optimizer
from fusion_sched.training.trainer import enter_stage2, record_decision, run_epochs
from fusion_sched.types import Decision, HeldOut, Stage


@dataclass(frozen=True)
class BranchResult:
    """A branch trained to its end: its result event, and its fused head on validation samples."""

    name: str
    result: dict[str, Any]
    held_out: HeldOut


def branches_of(modalities: tuple[str, ...], fused: tuple[str, ...]) -> dict[str, Decision]:
    """Return each single head, the ensembles and joint training, of all and of the `fused` ones."""
    branches = {f"{m} alone": _ensemble((m,)) for m in modalities}
    for names in dict.fromkeys((modalities, fused)):
        if len(names) > 1:
            of = ", ".join(names)
            branches[f"ensemble of {of}"] = _ensemble(names)
            branches[f"joint training of {of}"] = Decision(
                jointly(names), "a branch of the hand-over", fused=names
            )
    return branches


def _ensemble(names: tuple[str, ...]) -> Decision:
    return Decision(Stage((), joint=True), "a branch of the hand-over", fused=names, ensemble=True)


def hand_over_of(trace: Trace) -> dict[str, Any]:
    """Return the decision that chose a branch.

    Raises
    ------
    ValueError
        The run has chosen none.
    """
    for event in trace.of("decision"):
        if event["to"]["stage"] == "joint" and "fused" in event:
            return event
    raise ValueError(
        f"{trace.path} has no choice at a hand-over; branches are those of controller=evidence"
    )


def train_branch(
    parts: RunComponents, run_dir: Path, event: dict[str, Any], name: str, decision: Decision
) -> BranchResult:
    """Go on from the weights of the run's hand-over as `decision` says, in a folder of its own.

    Raises
    ------
    ValueError
        The run's folder no longer holds those weights, or holds this branch already.
    """
    folder = run_dir / "branches" / name.replace(", ", "-").replace(" ", "-")
    if folder.exists():
        raise ValueError(f"{folder} exists; delete it to train this branch again")
    weights = sorted((run_dir / checkpoint.CHECKPOINT_DIR).glob("hand-over-*.pt"))
    if not weights:
        raise ValueError(
            f"{run_dir / checkpoint.CHECKPOINT_DIR} holds no weights of a hand-over; train the run "
            "again, or bring them back"
        )
    folder.mkdir(parents=True)
    parts = replace(parts, robustness=False)
    parts.model.load_state_dict(checkpoint.load(weights[-1], parts.device)["model"])
    epoch = event["epoch"]
    state = RunState(decision.stage, {}, epoch, event["step"], unimodal_epochs=epoch + 1)
    trace = open_trace(parts, folder, lambda _: None)
    trace.write("start", format=FORMAT, run=name, **parts.start_fields())
    run = Run(parts, folder, state, make_loaders(parts), trace, *make_optimizer(parts, state))
    record_decision(run, decision, None)
    enter_stage2(run, decision)
    state.epoch += 1
    result = run_epochs(run)
    held_out = measure_fused(run)
    trace.close()
    return BranchResult(name, result, held_out)
