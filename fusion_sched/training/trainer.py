"""One run in order: stage 1, diagnose, decide, hand over, stage 2, evaluate once on test."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from fusion_sched.balancers import EvalPasses
from fusion_sched.evaluation import evaluate_robustness, mean_embeddings
from fusion_sched.evaluation.metrics import Evaluation
from fusion_sched.probe.assemble import error_quadrants
from fusion_sched.runlog import FORMAT, stage_fields
from fusion_sched.runtime.environment import peak_memory_bytes, seed_everything, seed_for
from fusion_sched.runtime.files import lock
from fusion_sched.training.components import EventSink, RunComponents, make_loaders
from fusion_sched.training.early_stopping import memorised
from fusion_sched.training.epoch import (
    Backward,
    EpochLog,
    evaluate,
    predict,
    step_scheduler,
    train_epoch,
    unimodal_backward,
)
from fusion_sched.training.gradients import GradientStep
from fusion_sched.training.hand_over import (
    ask_controller,
    choose_branch,
    deploy,
    measure_hand_over,
    measure_heads,
    record_decision,
    restore_remembered,
)
from fusion_sched.training.probing import diagnose_samples, probe_is_due, run_probe
from fusion_sched.training.profiling import training_batches
from fusion_sched.training.resume import open_trace, resume_run, save_run
from fusion_sched.training.saving import save_model
from fusion_sched.training.selection import judge_epoch, select_weights
from fusion_sched.training.state import BEFORE, Run, RunState, make_optimizer
from fusion_sched.types import FUSED, HELD_OUT, Decision, Observation

LOCK_FILE = ".lock"


def train(parts: RunComponents, folder: Path, show: EventSink) -> dict[str, Any]:
    """Train in two stages, or go on with the run in `folder`; return the result event.

    Every event goes to `folder/trace.jsonl` and to `show`. Epochs are selected on validation; test
    labels are read once, at the end.

    Raises
    ------
    FloatingPointError
        A loss that is not finite.
    ValueError
        A checkpoint that is damaged or belongs to other data, or a folder that another process is
        training in.
    """
    with _locked(parts, folder):  # before anything is read: another training may be writing it
        run = resume_run(parts, folder, show) or start_run(parts, folder, show)
        try:
            return run_epochs(run)
        finally:
            run.trace.close()


@contextmanager
def _locked(parts: RunComponents, folder: Path) -> Iterator[None]:
    if not parts.processes.first:
        yield
        return
    try:
        held = lock(folder / LOCK_FILE, blocking=False)
    except BlockingIOError as error:
        raise ValueError(
            f"another process is training in {folder}; wait for it to end or choose another folder"
        ) from error
    with held:
        yield


def run_epochs(run: Run) -> dict[str, Any]:
    """Take the run from where it is to its end; return the result event."""
    while not (run.state.stage.joint and run.state.epoch >= run.total_epochs):
        log, seconds = train_one(run)
        validation = judge_epoch(run)
        reason = stop_early(run, log, validation)
        record_epoch(run, log, validation, seconds, reason)
        step_scheduler(run.scheduler, sum(log.loss.values()))
        fresh = probe_is_due(run)
        if fresh:
            run_probe(run)
        if run.state.stage.joint:
            track_best(run, validation)
        else:
            step_controller(run, validation.accuracy(), fresh)
        run.state.epoch += 1
        save_run(run)
    return finish(run)


def start_run(parts: RunComponents, folder: Path, show: EventSink) -> Run:
    """Start a run: trace its setting, diagnose the untrained state, let the controller decide."""
    controller_state, decision = parts.controller.init(parts.model.modalities)
    trace = open_trace(parts, folder, show)
    trace.write("start", format=FORMAT, run=folder.name, **parts.start_fields())
    state = RunState(decision.stage, controller_state, epoch=BEFORE)
    run = Run(parts, folder, state, make_loaders(parts), trace, *make_optimizer(parts, state))
    record_decision(run, decision, None)
    run_probe(run)
    if not state.stage.joint:
        step_controller(run, {}, fresh=True)
    state.epoch = 0
    save_run(run)
    return run


def train_one(run: Run) -> tuple[EpochLog, float]:
    """Train one epoch of the present stage; return its log and its seconds."""
    started = time.perf_counter()
    rank = (run.parts.processes.rank,) if run.parts.processes.rank else ()
    seed_everything(seed_for(run.parts.seed, "epoch", run.state.epoch, *rank))
    run.loaders.order.epoch = run.state.epoch
    parts = run.parts
    averaging: AbstractContextManager[None] = nullcontext()
    if run.average is not None:
        averaging = run.average.training_weights(parts.model, parts.processes)
    with averaging:
        backward = backward_of(run)  # before the average begins: a balancer may change weights
        step = make_step(run)
        log = train_epoch(parts.model, training_batches(run), step, run.state.stage, backward)
    seconds = time.perf_counter() - started
    run.state.step += math.ceil(len(run.loaders.train) / parts.options.accumulate_batches)
    run.state.seconds["train"] += seconds
    run.state.unimodal_epochs += not run.state.stage.joint
    return log, seconds


def make_step(run: Run) -> GradientStep:
    """Return how this epoch's gradients become steps."""
    parts = run.parts
    if run.average is not None:
        run.average.start(parts.model)
    return GradientStep(
        parts.model, run.optimizer, processes=parts.processes,
        accumulate=parts.options.accumulate_batches, clip_norm=parts.options.gradient_clip_norm,
        average=run.average,
    )  # fmt: skip


def backward_of(run: Run) -> Backward:
    """Return how a step of this epoch finds its gradients; the balancer prepares a joint epoch."""
    state, parts = run.state, run.parts
    if not state.stage.joint:
        return partial(unimodal_backward, active=state.stage.active)
    passes = EvalPasses(
        train=partial(predict, parts.model, run.loaders.plain_train),
        validation=partial(predict, parts.model, run.loaders.validation),
    )
    state.balancer_state = parts.balancer.start_epoch(parts.model, passes, state.balancer_state)
    return partial(parts.balancer.backward, state=state.balancer_state)


def stop_early(run: Run, log: EpochLog, validation: Evaluation) -> str | None:
    """End the stage with this epoch where it is time to; return why."""
    state, options = run.state, run.parts.options
    reason = None
    if options.until_memorised and memorised(log.accuracy, state.stage):
        reason = "every training sample was right"
    if options.early_stopping is not None:
        stopping = options.early_stopping
        value = stopping.value(validation, state.stage)
        state.stopping = stopping.step(state.stopping, value)
        if state.stopping["epochs"] >= stopping.patience:
            reason = (
                f"{stopping.monitor} on validation has not improved for {stopping.patience} epochs"
            )
    if reason is not None:
        state.stopped_after = state.epoch + 1
    return reason


def record_epoch(
    run: Run, log: EpochLog, validation: Evaluation, seconds: float, stopped: str | None
) -> None:
    """Trace the epoch; the fused head counts only once it trains."""
    stage = run.state.stage
    accuracy = validation.accuracy()
    trained = {m: a for m, a in accuracy.items() if stage.joint or m != FUSED}
    run.trace.write(
        "epoch",
        epoch=run.state.epoch,
        step=run.state.step,
        **stage_fields(stage),
        loss=log.loss,
        accuracy={"train": log.accuracy, "validation": trained},
        lr=run.optimizer.param_groups[0]["lr"],
        samples_per_second=round(log.samples / seconds, 1),
        seconds=round(seconds, 4),
        **({} if stopped is None else {"stopped": stopped}),
    )


def step_controller(run: Run, validation: dict[str, float], fresh: bool) -> None:
    """Step the controller; keep or restore weights as it decides, and change the stage."""
    state, parts = run.state, run.parts
    generalising = state.diagnosis if parts.probe.source in HELD_OUT else state.generalising
    held_out = parts.probe.source in ("both", *HELD_OUT)
    measured = fresh and held_out and state.epoch != BEFORE
    with run.measuring():
        of_heads = measure_heads(run) if measured else None
    observation = Observation(
        state.epoch, state.diagnosis, fresh, validation,
        last=state.unimodal_epochs >= parts.stage1.epochs or state.stopped_after is not None,
        generalising=generalising, held_out=of_heads,
    )  # fmt: skip
    decision, before = ask_controller(run, observation), state.stage
    if fresh:
        state.threshold_distance = decision.threshold_distance
    if decision.stage == before and not decision.measure:
        return
    if decision.restore:
        restore_remembered(run)
    restored = decision.restore
    if decision.measure:
        loader = run.loaders.probe if parts.probe.source in HELD_OUT else run.loaders.generalising
        with run.measuring():
            generalising = None if loader is None else diagnose_samples(run, loader, {})[0]
            of_ensembles = measure_hand_over(run, generalising)
        observation = observation._replace(generalising=generalising, held_out=of_ensembles)
        decision = ask_controller(run, observation)
    state.stage = decision.stage
    record_decision(run, replace(decision, restore=restored), before)
    if state.stage.joint:
        enter_stage2(run, decision)


def enter_stage2(run: Run, decision: Decision) -> None:
    """Fuse as decided; where nothing trains any more, this network is the best one."""
    deploy(run, decision, decision.fused)
    run.restart_average()
    run.state.stopping, run.state.stopped_after = {}, None
    run.optimizer, run.scheduler = make_optimizer(run.parts, run.state)
    if not run.state.stage.active:
        track_best(run, evaluate(run.parts.model, run.loaders.validation))


def track_best(run: Run, validation: Evaluation) -> None:
    """Keep the weights that are best on validation, and this epoch's test predictions."""
    state, accuracy = run.state, validation.accuracy()
    if not state.best_validation or accuracy[FUSED] > state.best_validation[FUSED]:
        state.best, state.best_epoch = run.keep_weights("best"), state.epoch
        state.best_validation = accuracy
    if len(run.parts.splits.test):
        predicted = evaluate(run.parts.model, run.loaders.test).predictions[FUSED]
        state.test_predictions.append(predicted)


def finish(run: Run) -> dict[str, Any]:
    """Score the selected epoch on test, where there is one; save the model."""
    state, parts = run.state, run.parts
    decision = choose_branch(run)
    if decision is not None:
        record_decision(run, decision, state.stage, state.epoch - 1)
        save_run(run)
    selection = select_weights(run)
    means = mean_embeddings(parts.model, run.loaders.plain_train)
    save_model(run, means)
    seconds = {name: round(value, 3) for name, value in state.seconds.items()}
    fields = {
        "epoch": state.epoch - 1,
        "selected_epoch": state.best_epoch,
        "unimodal_epochs": state.unimodal_epochs,
        "validation": state.best_validation,
        **(_score_test(run, means) if len(parts.splits.test) else {}),
        **selection,
        "seconds": {**seconds, "total": round(run.trace.elapsed, 3)},
        "peak_memory_bytes": peak_memory_bytes(parts.device),
        "probe_share": round(state.seconds["probe"] / run.trace.elapsed, 4),
    }
    run.trace.write("result", **fields)
    return fields


def _score_test(run: Run, means: Mapping[str, Tensor]) -> dict[str, Any]:
    """Score the selected epoch on test, and, for older papers, the best epoch on test."""
    state, parts = run.state, run.parts
    test = evaluate(parts.model, run.loaders.test)
    robustness = {}
    if parts.robustness:
        seed = seed_for(parts.seed, "robustness")
        evaluated = evaluate_robustness(parts.model, run.loaders.test_inputs, means, seed)
        robustness["robustness"] = evaluated.fields()
    accuracy, f1 = test.accuracy(), test.macro_f1()
    scores = [float((predicted == test.y).double().mean()) for predicted in state.test_predictions]
    return {
        "test": {m: {"accuracy": accuracy[m], "macro_f1": f1[m]} for m in accuracy},
        "best_on_test": {
            "accuracy": max(scores),
            "epoch": state.epoch - len(scores) + scores.index(max(scores)),
        },
        "optimism_gap": max(scores) - accuracy[FUSED],
        "confusion": test.confusion(),
        "quadrants": error_quadrants(
            {m: test.predictions[m] for m in parts.model.modalities}, test.y
        ),
        **robustness,
    }
