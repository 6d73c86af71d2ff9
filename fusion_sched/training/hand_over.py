"""The hand-over by evidence: what is measured, which weights are restored, which model results."""

from typing import NamedTuple

from torch import Tensor

from fusion_sched.controllers import within_stage1
from fusion_sched.evaluation.held_out import leaving_one_out, measure_held_out, subsets
from fusion_sched.models.network import kept_head
from fusion_sched.runlog import (
    AFTER_EPOCH,
    AT_END,
    AT_HAND_OVER,
    diagnosis_fields,
    held_out_fields,
    stage_fields,
)
from fusion_sched.training.epoch import evaluate, predict
from fusion_sched.training.state import Run
from fusion_sched.types import (
    FUSED,
    KEPT,
    POOL,
    WITH_HEADS,
    Decision,
    Diagnosis,
    HeldOut,
    Observation,
    Stage,
)


def measure_heads(run: Run) -> HeldOut:
    """Score each modality's head on validation samples, and trace it."""
    predicted = predict(run.parts.model, run.loaders.validation)
    heads = {m: (m,) for m in run.parts.model.modalities}
    return _traced(run, AFTER_EPOCH, measure_held_out(predicted.logits, predicted.y, heads))


def measure_hand_over(run: Run, generalising: Diagnosis | None) -> HeldOut:
    """Keep the weights of the hand-over; score every ensemble of their heads, and trace it."""
    names = run.parts.model.modalities
    run.state.hand_over = run.keep_weights("hand-over")
    predicted = predict(run.parts.model, run.loaders.validation)
    ensembles = {"+".join(heads): heads for heads in subsets(names)}
    held_out = measure_held_out(predicted.logits, predicted.y, ensembles, leaving_one_out(names))
    return _traced(run, AT_HAND_OVER, held_out, generalising)


class Branches(NamedTuple):
    """What the branches tell of validation samples, and the logits `(N, classes)` of all heads."""

    held_out: HeldOut
    logits: dict[str, Tensor]
    y: Tensor


def measure_branches(run: Run, fused: tuple[str, ...]) -> Branches:
    """Score the jointly trained model, alone and with its own heads, the kept ensemble, the mean.

    The selected weights of joint training are in place before and after.
    """
    state, model = run.state, run.parts.model
    joint = predict(model, run.loaders.validation)
    run.restore_weights(str(state.hand_over))
    kept = predict(model, run.loaders.validation)
    run.restore_weights(str(state.best))
    logits = {**joint.logits, **{kept_head(m): kept.logits[m] for m in fused}}
    branches = {
        FUSED: (FUSED,), WITH_HEADS: (*fused, FUSED), KEPT: tuple(kept_head(m) for m in fused)
    }  # fmt: skip
    pairs = [(FUSED, KEPT), (WITH_HEADS, KEPT), (WITH_HEADS, FUSED), (POOL, KEPT), (POOL, FUSED)]
    held_out = measure_held_out(logits, joint.y, branches, pairs, {POOL: tuple(branches)})
    return Branches(_traced(run, AT_END, held_out), logits, joint.y)


def measure_fused(run: Run) -> HeldOut:
    """Score the fused logits of the present network on validation samples."""
    predicted = predict(run.parts.model, run.loaders.validation)
    return _traced(run, AT_END, measure_held_out(predicted.logits, predicted.y, {FUSED: (FUSED,)}))


def _traced(
    run: Run, moment: str, held_out: HeldOut, generalising: Diagnosis | None = None
) -> HeldOut:
    state, second = run.state, {}
    epoch = state.epoch - (moment == AT_END)  # at the end of a run the epoch is one past the last
    if generalising is not None:
        fields = diagnosis_fields(generalising)
        second["generalising"] = {key: fields[key] for key in fields if key != "seconds"}
    run.trace.write(
        "held_out", epoch=epoch, step=state.step, **stage_fields(state.stage),
        moment=moment, **held_out_fields(held_out), **second,
    )  # fmt: skip
    return held_out


def ask_controller(run: Run, observation: Observation) -> Decision:
    """Step the controller; remember the weights that it asks to keep."""
    state, parts = run.state, run.parts
    decision: Decision
    state.controller, decision = parts.processes.agree(
        within_stage1(parts.controller, state.controller, observation, parts.model.modalities)
    )
    if decision.keep:
        state.peak = run.keep_weights("peak")
    if decision.keep_only:
        state.kept |= dict.fromkeys(decision.keep_only, run.keep_weights("kept"))
    return decision


def record_decision(
    run: Run, decision: Decision, before: Stage | None, epoch: int | None = None
) -> None:
    """Trace a change of stage after an epoch, by default the present one, and why."""
    origin = {} if before is None else {"from": stage_fields(before)}
    fused = {
        "fused": list(decision.fused), "ensemble": decision.ensemble, "pooled": decision.pooled,
    }  # fmt: skip
    run.trace.write(
        "decision",
        epoch=run.state.epoch if epoch is None else epoch,
        step=run.state.step, **stage_fields(decision.stage),
        **origin, to=stage_fields(decision.stage), restored=decision.restore,
        reason=decision.reason, controller=run.state.controller,
        **(fused if decision.fused else {}),
    )  # fmt: skip


def restore_remembered(run: Run) -> None:
    """Go back to the weights that the controller asked to keep."""
    state = run.state
    if state.peak is None and not state.kept:
        raise ValueError(
            f"{type(run.parts.controller).__name__} wants weights restored that it never asked "
            "to keep: its decisions must say keep=True before they say restore=True"
        )
    if state.peak is not None:
        run.restore_weights(state.peak)
    for modality, name in state.kept.items():
        run.restore_modality(modality, name)
    # They belong to the weights that were trained since.
    state.probe_state, state.generalising_state = {}, {}


def deploy(run: Run, decision: Decision, heads: tuple[str, ...]) -> None:
    """Fuse as decided from now on; an ensemble of these heads is fitted to validation samples."""
    model = run.parts.model
    fused = decision.fused or model.modalities
    ensemble = None
    if decision.ensemble:
        predicted = predict(model, run.loaders.validation)
        ensemble = model.new_ensemble(heads).cpu()
        ensemble.fit(predicted.logits, predicted.y)
    model.deploy(fused, ensemble)


def deploy_pool(run: Run, fused: tuple[str, ...], branches: Branches) -> None:
    """Fuse by the mean of the three branches from now on, fitted to validation samples."""
    model = run.parts.model
    pool = model.new_pool(fused)
    pool.fit(branches.logits, branches.y)
    model.deploy_pool(fused, pool, run.read_weights(str(run.state.hand_over)))


def choose_branch(run: Run) -> Decision | None:
    """Let the controller choose between joint training and what was kept before it."""
    state, model = run.state, run.parts.model
    if state.hand_over is None or state.deployed or not state.stage.active:
        return None
    run.restore_weights(str(state.best))
    fused = model.modalities if model.fused is None else tuple(
        m for m, share in zip(model.modalities, model.fused.tolist(), strict=True) if share
    )  # fmt: skip
    with run.measuring():
        branches = measure_branches(run, fused)
    observation = Observation(
        state.epoch - 1,
        state.diagnosis,
        False,
        state.best_validation,
        True,
        None,
        branches.held_out,
    )
    decision = ask_controller(run, observation)
    if decision.restore:
        run.restore_weights(state.hand_over)
    if decision.pooled:
        deploy_pool(run, fused, branches)
    else:
        deploy(run, decision, fused if decision.restore else (*fused, FUSED))
    state.best, state.deployed = run.keep_weights("deployed"), True
    state.best_validation = evaluate(model, run.loaders.validation).accuracy()
    return decision
