"""Which epochs are diagnosed, with which checks, and the probe event of one."""

import time

from torch import Tensor

from fusion_sched.data.loading import Loader
from fusion_sched.probe.assemble import difference_of_readings
from fusion_sched.runlog import diagnosis_fields, stage_fields
from fusion_sched.training.epoch import embed
from fusion_sched.training.state import BEFORE, Run
from fusion_sched.types import NEAR_THRESHOLD, RHYTHM, STAGE_END, Diagnosis

NEAR = 0.5
"""Standard errors from a threshold within which the next diagnosis may cross it."""


def probe_is_due(run: Run) -> bool:
    """Say whether the state after this epoch is to be diagnosed."""
    probe, number = run.parts.probe, run.state.epoch + 1
    if not run.state.stage.joint:
        return number % probe.every == 0
    return number % probe.joint_every == 0 or (probe.last_epoch and number == run.total_epochs)


def reason_for_checks(run: Run) -> str | None:
    """Why the next diagnosis is checked; of stage 2 only the last one is, which the page shows."""
    state = run.state
    if state.epoch == BEFORE:
        return RHYTHM
    if state.stage.joint:
        return STAGE_END if state.epoch + 1 == run.total_epochs else None
    if state.unimodal_epochs == run.parts.stage1.epochs or state.stopped_after is not None:
        return STAGE_END
    near = state.threshold_distance is not None and state.threshold_distance <= NEAR
    return NEAR_THRESHOLD if near else RHYTHM


def run_probe(run: Run) -> None:
    """Embed the probe's samples, estimate their information, and trace the diagnosis."""
    state, started = run.state, time.perf_counter()
    diagnosis, state.probe_state, embedded = diagnose_samples(
        run, run.loaders.probe, state.probe_state
    )
    state.diagnosis = diagnosis
    fields = diagnosis_fields(diagnosis)
    fields["seconds"] = {"embed": embedded, **fields["seconds"]}
    if run.loaders.generalising is not None:
        second_started = time.perf_counter()
        state.generalising, state.generalising_state, _ = diagnose_samples(
            run, run.loaders.generalising, state.generalising_state
        )
        second = diagnosis_fields(state.generalising)
        fields["generalising"] = {key: second[key] for key in second if key != "seconds"}
        fields["stored_minus_generalising_bits"] = {
            m: difference_of_readings(stored, state.generalising.mi[m]).to_json()
            for m, stored in diagnosis.mi.items()
        }
        fields["seconds"]["generalising"] = time.perf_counter() - second_started
    state.seconds["probe"] += time.perf_counter() - started
    run.trace.write(
        "probe", epoch=state.epoch, step=state.step, **stage_fields(state.stage), **fields
    )


def diagnose_samples(
    run: Run, loader: Loader, probe_state: dict[str, Tensor]
) -> tuple[Diagnosis, dict[str, Tensor], float]:
    """Return the diagnosis of a loader's samples, the probe's next state, and seconds to embed."""
    parts, started = run.parts, time.perf_counter()
    inputs = embed(parts.model, loader, parts.probe.on_device)
    inputs = inputs._replace(checks=reason_for_checks(run))
    embedded = time.perf_counter() - started
    answer = None
    if parts.processes.first:  # one process solves, so that all go on with the same numbers
        answer = parts.probe.diagnose(inputs, parts.solver, probe_state)
    agreed = parts.processes.agree(answer)
    assert agreed is not None, "the first process has an answer"
    return *agreed, embedded
