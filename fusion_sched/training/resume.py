"""The checkpoint of a run: written after each epoch, and read back to go on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion_sched.runlog import (
    TRACE_FILE,
    NullTraceWriter,
    TraceWriter,
    diagnosis_fields,
    diagnosis_from,
    read_trace,
)
from fusion_sched.runlog.protocol import LATER_KEYS
from fusion_sched.runtime import checkpoint
from fusion_sched.training.components import EventSink, RunComponents, make_loaders
from fusion_sched.training.state import Run, RunState, make_optimizer
from fusion_sched.types import Diagnosis, Stage

OLD_STATE_KEYS = {"memory": "probe_state", "balance": "balancer_state"}
"""Keys of the state in checkpoints of older versions, and what they are called now."""

DIAGNOSES = {"diagnosis", "generalising"}
"""Fields of the state that hold a diagnosis or nothing."""


def save_run(run: Run) -> None:
    """Write the checkpoint, then delete the weights that it no longer names."""
    state, scale = run.state, run.parts.model.loss_scale
    if not run.parts.processes.first:
        return
    content = {
        "state": {
            **{name: getattr(state, name) for name in state.__dataclass_fields__},
            "stage": asdict(state.stage),
            **{name: _fields_of(getattr(state, name)) for name in DIAGNOSES},
        },
        "model": run.parts.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict(),
        "training_weights": None if run.average is None else run.average.others,
        "loss_scale": scale and scale.state_dict(),
        "trace_lines": run.trace.lines,
        "elapsed": run.trace.elapsed,
    }
    run.trace.sync()
    checkpoint.save(run.checkpoint_dir / checkpoint.LAST, content)
    of_heads = {best["weights"] for best in state.best_heads.values()}
    named = {state.peak, state.best, state.hand_over, *state.kept.values(), *of_heads}
    needed = {checkpoint.LAST, *(name for name in named if name is not None)}
    checkpoint.remove_others(run.checkpoint_dir, needed)


def _fields_of(diagnosis: Diagnosis | None) -> dict[str, Any] | None:
    return None if diagnosis is None else diagnosis_fields(diagnosis)


def resume_run(parts: RunComponents, folder: Path, show: EventSink) -> Run | None:
    """Return the run that `folder` holds, as it was after its last whole epoch, or `None`.

    Raises
    ------
    ValueError
        A checkpoint that is damaged, is missing though epochs were traced, or belongs to another
        configuration or to other data.
    """
    path = folder / checkpoint.CHECKPOINT_DIR / checkpoint.LAST
    content = _read_checkpoint(parts, folder, path)
    parts.processes.wait()  # until all have read: then the first one writes
    if content is None:
        return None
    try:
        return _restored_run(parts, folder, show, content)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold this run's state: {str(error).splitlines()[0]}; it is of "
            "another run or version; bring the right one back or start a new run"
        ) from error


def _read_checkpoint(parts: RunComponents, folder: Path, path: Path) -> dict[str, Any] | None:
    """Return the checkpoint at `path`, on the CPU, `None` where the run has not begun."""
    if path.exists():
        content = checkpoint.load(path, torch.device("cpu"))
        _check_same_run(parts, folder)
        return content
    trace = folder / TRACE_FILE  # empty: killed before its first event
    if trace.exists() and trace.stat().st_size and read_trace(folder).of("epoch"):
        raise ValueError(
            f"{folder} has traced epochs but no {path.name}: without it the run cannot go on; "
            "bring the checkpoint folder back or start a new run"
        )
    return None


def _to_device(value: Any, device: torch.device) -> Any:
    """Return a value with every tensor inside it on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _to_device(inside, device) for name, inside in value.items()}
    if isinstance(value, list):
        return [_to_device(inside, device) for inside in value]
    return value


def _restored_state(saved: dict[str, Any], device: torch.device) -> RunState:
    fields = {OLD_STATE_KEYS.get(name, name): value for name, value in saved.items()}
    fields["stage"] = Stage(tuple(fields["stage"]["active"]), fields["stage"]["joint"])
    for name in DIAGNOSES & fields.keys():  # checkpoints of older versions have one only
        fields[name] = fields[name] and diagnosis_from(fields[name])
    # Only the balancer computes on the device; predictions and the probe's state stay on the CPU.
    fields["balancer_state"] = _to_device(fields["balancer_state"], device)
    return RunState(**fields)


def _restored_run(
    parts: RunComponents, folder: Path, show: EventSink, content: dict[str, Any]
) -> Run:
    state = _restored_state(content["state"], parts.device)
    parts.model.load_state_dict(content["model"])
    optimizer, scheduler = make_optimizer(parts, state)
    optimizer.load_state_dict(content["optimizer"])
    scheduler.load_state_dict(content["scheduler"])
    trace = open_trace(parts, folder, show, content["trace_lines"], content["elapsed"])
    run = Run(parts, folder, state, make_loaders(parts), trace, optimizer, scheduler)
    if run.average is not None:
        run.average.others = _to_device(content["training_weights"], parts.device)
    if parts.model.loss_scale is not None:
        parts.model.loss_scale.load_state_dict(content["loss_scale"])
    return run


def open_trace(
    parts: RunComponents, folder: Path, show: EventSink, lines: int = 0, elapsed: float = 0.0
) -> TraceWriter | NullTraceWriter:
    if not parts.processes.first:
        return NullTraceWriter(lines, elapsed)
    return TraceWriter(folder, show, lines, elapsed)


def _check_same_run(parts: RunComponents, folder: Path) -> None:
    start = read_trace(folder).start
    began = {**LATER_KEYS, **start["config"]}
    if began != parts.config:
        changed = sorted(k for k in parts.config if parts.config[k] != began.get(k))
        raise ValueError(
            f"the configuration of {folder} differs from the one its trace began with, in "
            f"{', '.join(changed)}; bring .hydra/config.yaml back or start a new run"
        )
    for name, now in parts.splits.fingerprints().items():
        if now != start["fingerprint"][name]:
            raise ValueError(
                f"the {name} split has fingerprint {now}, but the run in {folder} began with "
                f"{start['fingerprint'][name]}: the data has changed, so it cannot go on; bring "
                "the data back or start a new run"
            )
