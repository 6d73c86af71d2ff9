"""One run in order: stage 1, diagnose, decide, hand over, stage 2, evaluate once on test."""

import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from fusion_sched.balancers import EvalPasses
from fusion_sched.controllers import within_stage1
from fusion_sched.evaluation import examine, mean_embeddings
from fusion_sched.probe.assemble import error_quadrants
from fusion_sched.runlog import FORMAT, diagnosis_fields, lock, stage_fields
from fusion_sched.runlog.protocol import protocol_of
from fusion_sched.runtime import checkpoint
from fusion_sched.runtime.environment import (
    describe_device,
    git_revision,
    peak_memory_bytes,
    seed_everything,
    seed_for,
    versions,
)
from fusion_sched.training.components import (
    EventSink,
    Run,
    RunComponents,
    State,
    make_loaders,
    make_optimizer,
)
from fusion_sched.training.epoch import (
    Backward,
    EpochLog,
    Evaluation,
    embed,
    evaluate,
    predict,
    train_epoch,
    unimodal_backward,
)
from fusion_sched.training.resume import keep_weights, open_trace, resume_run, save
from fusion_sched.types import FUSED, Decision, Diagnosis, Observation, ProbeInputs, Stage

BEFORE = -1
"""The epoch of what is seen and decided before the first one."""


def train(parts: RunComponents, folder: Path, show: EventSink) -> dict[str, Any]:
    """Train in two stages, or go on with the run in ``folder``; return the result event.

    Every event goes to ``folder/trace.jsonl`` and to ``show``. Epochs are selected on validation;
    test labels are read once, at the end.

    Raises:
        FloatingPointError: a loss that is not finite.
        ValueError: a checkpoint that is damaged or belongs to other data, or a folder that another
            process is training in.
    """
    # Before anything is read: another training may be writing it.
    with lock(folder) if parts.processes.first else nullcontext():
        run = resume_run(parts, folder, show) or start_run(parts, folder, show)
        try:
            return run_epochs(run)
        finally:
            run.trace.close()


def run_epochs(run: Run) -> dict[str, Any]:
    """Take the run from where it is to its end; return the result event."""
    while not (run.state.stage.joint and run.state.epoch >= run.total_epochs):
        log, seconds = train_one(run)
        validation = evaluate(run.parts.model, run.loaders.validation)
        record_epoch(run, log, validation, seconds)
        probe = run.parts.probe
        every = probe.joint_every if run.state.stage.joint else probe.every
        fresh = (run.state.epoch + 1) % every == 0
        if fresh:
            diagnose(run)
        if run.state.stage.joint:
            track_best(run, validation)
        else:
            step_controller(run, validation.accuracy(), fresh)
        run.state.epoch += 1
        save(run)
    return finish(run)


def start_run(parts: RunComponents, folder: Path, show: EventSink) -> Run:
    """Start a run: trace its setting, diagnose the untrained state, let the controller decide."""
    memory, decision = parts.controller.init(parts.model.modalities)
    trace = open_trace(parts, folder, show)
    trace.write("start", **start_fields(parts, folder))
    state = State(decision.stage, memory, epoch=BEFORE)
    run = Run(parts, folder, state, make_loaders(parts), trace, *make_optimizer(parts, state))
    record_decision(run, decision, None)
    diagnose(run)
    if not state.stage.joint:
        step_controller(run, {}, fresh=True)
    state.epoch = 0
    save(run)
    return run


def start_fields(parts: RunComponents, folder: Path) -> dict[str, Any]:
    """Return what a reader of the trace must know of the run."""
    splits = parts.splits
    fingerprint = splits.fingerprints()
    fields = {
        "format": FORMAT,
        "run": folder.name,
        "modalities": {m: list(shape) for m, shape in splits.shapes.items()},
        "classes": list(splits.classes),
        "split_sizes": {name: len(split) for name, split in splits.by_name().items()},
        "fingerprint": fingerprint,
        **protocol_of(parts.config, fingerprint),
        "facts": dict(splits.facts),
        "seed": parts.seed,
        "parameters": sum(p.numel() for p in parts.model.parameters()),
        "device": describe_device(parts.device),
        "versions": versions(),
        "git": git_revision(),
        "config": parts.config,
    }
    return {name: value for name, value in fields.items() if value is not None}


def train_one(run: Run) -> tuple[EpochLog, float]:
    """Train one epoch of the present stage; return its log and its seconds."""
    started = time.perf_counter()
    rank = (run.parts.processes.rank,) if run.parts.processes.rank else ()
    seed_everything(seed_for(run.parts.seed, "epoch", run.state.epoch, *rank))
    run.loaders.order.epoch = run.state.epoch
    log = train_epoch(
        run.parts.model, run.loaders.train, run.optimizer, run.state.stage, backward_of(run),
        run.parts.processes,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    run.state.step += len(run.loaders.train)
    run.state.seconds["train"] += seconds
    run.state.unimodal_epochs += not run.state.stage.joint
    return log, seconds


def backward_of(run: Run) -> Backward:
    """Return how a step of this epoch finds its gradients; the balancer prepares a joint epoch."""
    state, parts = run.state, run.parts
    if not state.stage.joint:
        return partial(unimodal_backward, active=state.stage.active)
    looks = EvalPasses(
        train=partial(predict, parts.model, run.loaders.plain_train),
        validation=partial(predict, parts.model, run.loaders.validation),
    )
    state.balance = parts.balancer.start_epoch(parts.model, looks, state.balance)
    return partial(parts.balancer.backward, memory=state.balance)


def record_epoch(run: Run, log: EpochLog, validation: Evaluation, seconds: float) -> None:
    """Trace the epoch and step the schedule; the fused head counts only once it trains."""
    stage = run.state.stage
    accuracy = validation.accuracy()
    shown = {m: a for m, a in accuracy.items() if stage.joint or m != FUSED}
    run.trace.write(
        "epoch",
        epoch=run.state.epoch,
        step=run.state.step,
        **stage_fields(stage),
        loss=log.loss,
        accuracy={"train": log.accuracy, "validation": shown},
        lr=run.scheduler.get_last_lr()[0],
        samples_per_second=round(log.samples / seconds, 1),
        seconds=round(seconds, 4),
    )
    run.scheduler.step()


def diagnose(run: Run) -> None:
    """Embed the probe's samples, estimate their information, and trace the diagnosis."""
    state, started = run.state, time.perf_counter()
    seen = embed(run.parts.model, run.loaders.probe)
    embedded = time.perf_counter() - started
    diagnosis, state.memory = solve_once(run, seen)
    state.diagnosis = diagnosis
    state.seconds["probe"] += time.perf_counter() - started
    fields = diagnosis_fields(diagnosis)
    fields["seconds"] = {"embed": embedded, **fields["seconds"]}
    run.trace.write(
        "probe", epoch=state.epoch, step=state.step, **stage_fields(state.stage), **fields
    )


def solve_once(run: Run, seen: ProbeInputs) -> tuple[Diagnosis, dict[str, Tensor]]:
    """Let the first process estimate and solve, and return its answer in all of them."""
    parts, answer = run.parts, None
    if parts.processes.first:
        answer = parts.probe.diagnose(seen, parts.solver, run.state.memory)
    agreed = parts.processes.agree(answer)
    assert agreed is not None, "the first process has an answer"
    return agreed


def step_controller(run: Run, validation: dict[str, float], fresh: bool) -> None:
    """Ask the controller, remember or restore weights as it says, and change the stage."""
    state = run.state
    last = state.unimodal_epochs >= run.parts.stage1.epochs
    seen = Observation(state.epoch, state.diagnosis, fresh, validation, last)
    state.controller, decision = run.parts.processes.agree(
        within_stage1(run.parts.controller, state.controller, seen, run.parts.model.modalities)
    )
    if decision.keep:
        state.peak = keep_weights(run, "peak")
    if decision.stage == state.stage:
        return
    before = state.stage
    if decision.restore:
        if state.peak is None:
            raise ValueError(
                f"{type(run.parts.controller).__name__} wants weights restored that it never asked "
                "to keep: its decisions must say keep=True before they say restore=True"
            )
        content = checkpoint.load(run.weights / state.peak, run.parts.device)
        run.parts.model.load_state_dict(content["model"])
        state.memory = {}  # of weights that are no more
    state.stage = decision.stage
    record_decision(run, decision, before)
    if state.stage.joint:
        run.optimizer, run.scheduler = make_optimizer(run.parts, state)


def record_decision(run: Run, decision: Decision, before: Stage | None) -> None:
    """Trace a change of stage, and why."""
    origin = {} if before is None else {"from": stage_fields(before)}
    run.trace.write(
        "decision",
        epoch=run.state.epoch, step=run.state.step, **stage_fields(decision.stage),
        **origin, to=stage_fields(decision.stage), restored=decision.restore,
        reason=decision.reason, controller=run.state.controller,
    )  # fmt: skip


def track_best(run: Run, validation: Evaluation) -> None:
    """Keep the weights that are best on validation; lay this epoch's test predictions aside."""
    state, accuracy = run.state, validation.accuracy()
    if not state.best_validation or accuracy[FUSED] > state.best_validation[FUSED]:
        state.best, state.best_epoch = keep_weights(run, "best"), state.epoch
        state.best_validation = accuracy
    predicted = evaluate(run.parts.model, run.loaders.test).predictions[FUSED]
    state.test_predictions.append(predicted)


def finish(run: Run) -> dict[str, Any]:
    """Score the selected epoch on test, and, for older papers, the best epoch on test."""
    state, model = run.state, run.parts.model
    content = checkpoint.load(run.weights / str(state.best), run.parts.device)
    model.load_state_dict(content["model"])
    test = evaluate(model, run.loaders.test)
    examined = {"robustness": evaluate_robustness(run)} if run.parts.robustness else {}
    accuracy, f1 = test.accuracy(), test.macro_f1()
    scores = [float((predicted == test.y).double().mean()) for predicted in state.test_predictions]
    best_on_test = max(scores)
    seconds = {name: round(value, 3) for name, value in state.seconds.items()}
    fields = {
        "epoch": state.epoch - 1,
        "selected_epoch": state.best_epoch,
        "unimodal_epochs": state.unimodal_epochs,
        "validation": state.best_validation,
        "test": {m: {"accuracy": accuracy[m], "macro_f1": f1[m]} for m in accuracy},
        "best_on_test": {
            "accuracy": best_on_test,
            "epoch": state.unimodal_epochs + scores.index(best_on_test),
        },
        "optimism_gap": best_on_test - accuracy[FUSED],
        "confusion": test.confusion(),
        "quadrants": error_quadrants(
            {m: p for m, p in test.predictions.items() if m != FUSED}, test.y
        ),
        **examined,
        "seconds": {**seconds, "total": round(run.trace.elapsed, 3)},
        "peak_memory_bytes": peak_memory_bytes(run.parts.device),
        "probe_share": round(state.seconds["probe"] / run.trace.elapsed, 4),
    }
    run.trace.write("result", **fields)
    return fields


def evaluate_robustness(run: Run) -> dict[str, Any]:
    """Return what the selected weights do without a modality and under noise, and much else."""
    model, loaders = run.parts.model, run.loaders
    means = mean_embeddings(model, loaders.plain_train)
    return examine(model, loaders.test, means, seed_for(run.parts.seed, "robustness")).fields()
