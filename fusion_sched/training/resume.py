"""What a run leaves behind to go on from: weights, checkpoint, trace."""

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
from fusion_sched.runtime import checkpoint
from fusion_sched.training.components import (
    EventSink,
    Run,
    RunComponents,
    State,
    make_loaders,
    make_optimizer,
)
from fusion_sched.types import Stage


def keep_weights(run: Run, purpose: str) -> str:
    """Save the present weights under a name of their own; return it."""
    name = f"{purpose}-{run.state.epoch + 1:04d}.pt"
    if run.parts.processes.first:
        checkpoint.save(run.weights / name, {"model": run.parts.model.state_dict()})
    run.parts.processes.wait()
    return name


def save(run: Run) -> None:
    """Write the checkpoint, then delete the weights that it no longer names."""
    state = run.state
    if not run.parts.processes.first:
        return
    content = {
        "state": {
            **{name: getattr(state, name) for name in state.__dataclass_fields__},
            "stage": asdict(state.stage),
            "diagnosis": state.diagnosis and diagnosis_fields(state.diagnosis),
        },
        "model": run.parts.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict(),
        "trace_lines": run.trace.lines,
        "elapsed": run.trace.elapsed,
    }
    checkpoint.save(run.weights / checkpoint.LAST, content)
    checkpoint.remove_others(run.weights, {checkpoint.LAST, str(state.peak), str(state.best)})


def resume_run(parts: RunComponents, folder: Path, show: EventSink) -> Run | None:
    """Return the run that ``folder`` holds, as it was after its last whole epoch, or ``None``.

    Raises:
        ValueError: a checkpoint that is damaged, is missing though epochs were traced, or belongs
            to another configuration or to other data.
    """
    path = folder / checkpoint.CHECKPOINT_DIR / checkpoint.LAST
    content = read_checkpoint(parts, folder, path)
    parts.processes.wait()  # until all have read: then the first one writes
    if content is None:
        return None
    try:
        return restored(parts, folder, show, content)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold this run's state: {str(error).splitlines()[0]}; it is of "
            "another run or version; bring the right one back or start a new run"
        ) from error


def read_checkpoint(parts: RunComponents, folder: Path, path: Path) -> dict[str, Any] | None:
    """Return the checkpoint at ``path``, on the CPU, ``None`` where the run has not begun."""
    if path.exists():
        content = checkpoint.load(path, torch.device("cpu"))
        check_same_run(parts, folder)
        return content
    trace = folder / TRACE_FILE  # empty: killed before its first event
    if trace.exists() and trace.stat().st_size and read_trace(folder).of("epoch"):
        raise ValueError(
            f"{folder} has traced epochs but no {path.name}: without it the run cannot go on; "
            "bring the checkpoint folder back or start a new run"
        )
    return None


def moved(value: Any, device: torch.device) -> Any:
    """Return a value with every tensor inside it on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: moved(inside, device) for name, inside in value.items()}
    if isinstance(value, list):
        return [moved(inside, device) for inside in value]
    return value


def restored(parts: RunComponents, folder: Path, show: EventSink, content: dict[str, Any]) -> Run:
    """Return the run as the checkpoint has it."""
    saved = content["state"]
    stage = Stage(tuple(saved["stage"]["active"]), saved["stage"]["joint"])
    diagnosis = saved["diagnosis"] and diagnosis_from(saved["diagnosis"])
    balance = moved(saved["balance"], parts.device)
    state = State(**{**saved, "stage": stage, "diagnosis": diagnosis, "balance": balance})
    parts.model.load_state_dict(content["model"])
    optimizer, scheduler = make_optimizer(parts, state)
    optimizer.load_state_dict(content["optimizer"])
    scheduler.load_state_dict(content["scheduler"])
    trace = open_trace(parts, folder, show, content["trace_lines"], content["elapsed"])
    return Run(parts, folder, state, make_loaders(parts), trace, optimizer, scheduler)


def open_trace(
    parts: RunComponents, folder: Path, show: EventSink, lines: int = 0, elapsed: float = 0.0
) -> TraceWriter | NullTraceWriter:
    """Return the trace's writer in the first process, what writes nothing in the others."""
    if not parts.processes.first:
        return NullTraceWriter(lines, elapsed)
    return TraceWriter(folder, show, lines, elapsed)


def check_same_run(parts: RunComponents, folder: Path) -> None:
    """Raise where the configuration or the data is no longer what the run began with."""
    start = read_trace(folder).start
    began = {"role": "", **start["config"]}  # a run from before there were roles has none
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
