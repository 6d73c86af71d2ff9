"""Where the time of training steps goes: a table and a trace for a browser, by torch.profiler."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from fusion_sched.data.loading import Loader
from fusion_sched.training.state import Run
from fusion_sched.types import Batch

PROFILE_DIR = "profile"
WARM_UP_STEPS = 2
"""Steps that run under the profiler first and are left out: they allocate and compile."""
ROWS = 40


def training_batches(run: Run) -> Iterable[Batch]:
    """Return the epoch's batches; where it is asked for, a stage's first epoch is profiled."""
    steps, stage = run.parts.options.profile_steps, run.state.stage.name
    folder = run.folder / PROFILE_DIR
    if not steps or not run.parts.processes.first or (folder / f"{stage}.txt").exists():
        return run.loaders.train
    return profiled(run.loaders.train, steps, folder, stage)


def profiled(loader: Loader, steps: int, folder: Path, stage: str) -> Iterator[Batch]:
    """Yield every batch; write what the steps after the first ones spend their time on.

    `<stage>.txt` is the table of operations by the time of their own, `<stage>.json` a trace for
    chrome://tracing or https://ui.perfetto.dev.
    """
    activities = [ProfilerActivity.CPU]
    by = "self_cpu_time_total"
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
        by = "self_cuda_time_total"

    def write(profiler: profile) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(folder / f"{stage}.json"))
        table = profiler.key_averages().table(sort_by=by, row_limit=ROWS)
        (folder / f"{stage}.txt").write_text(table, encoding="utf-8")

    warm_up = min(WARM_UP_STEPS, len(loader) - 1)
    plan = schedule(wait=0, warmup=warm_up, active=steps, repeat=1)
    with profile(activities=activities, schedule=plan, on_trace_ready=write) as profiler:
        for batch in loader:
            yield batch
            profiler.step()
