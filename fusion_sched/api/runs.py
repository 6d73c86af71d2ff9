"""A training from Python: the configuration, the engine and the folder of the command."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from fusion_sched.api.model import Model, load
from fusion_sched.api.warn import warn_user
from fusion_sched.commands import sweep
from fusion_sched.commands.console import make_console
from fusion_sched.commands.suggest import check_added_keys, explain
from fusion_sched.commands.train import execute, make_paths_absolute
from fusion_sched.config.build import build
from fusion_sched.config.compose import Composed, compose_run
from fusion_sched.config.targets import targets_of
from fusion_sched.report.live import caution_lines
from fusion_sched.runlog import Trace, diagnosis_from, read_trace
from fusion_sched.runtime.distributed import join_processes
from fusion_sched.runtime.environment import preserved_process
from fusion_sched.types import Diagnosis


@dataclass(frozen=True)
class RunResult:
    """A run that has ended, in its `folder`."""

    folder: Path
    targets: Collection[str] = ()

    @cached_property
    def trace(self) -> Trace:
        """Every event of the run."""
        return read_trace(self.folder)

    @property
    def test(self) -> Mapping[str, Mapping[str, float]]:
        """Modality or `fused` → `accuracy` and `macro_f1` on test; empty without a test split."""
        return cast(Mapping[str, Mapping[str, float]], self._ended.get("test", {}))

    @property
    def validation(self) -> Mapping[str, float]:
        """Modality or `fused` → accuracy on validation, in the selected epoch."""
        return cast(Mapping[str, float], self._ended.get("validation", {}))

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The last diagnosis; as `last_diagnosis`."""
        return last_diagnosis(self.trace)

    @cached_property
    def model(self) -> Model:
        """The trained network."""
        return load(self.folder, allow=self.targets)

    @property
    def _ended(self) -> dict[str, Any]:
        return self.trace.result or {}


def last_diagnosis(trace: Trace) -> Diagnosis | None:
    """Return the last diagnosis of a run: of validation samples, or, without one, of training."""
    probes = trace.of("probe")
    return diagnosis_from(probes[-1].get("generalising", probes[-1])) if probes else None


def train(overrides: Iterable[str] = (), *, verbose: bool = False) -> RunResult:
    """Train as `fusion-sched train OVERRIDES…` does, in the same folder, and return the run.

    Parameters
    ----------
    overrides : as on the command line: `["dataset=digits_halves", "seed=1", "+method=joint"]`
    verbose : whether to print what the command prints

    Raises
    ------
    ValueError
        A key, a choice or a value that there is not or cannot be used, or an argument that only the
        command takes.
    FileExistsError
        The run's folder holds something.
    OSError
        Data that is not there.
    """
    composed = compose_named(overrides)
    make_paths_absolute(composed.cfg)
    with preserved_process():
        processes = join_processes(composed.cfg.device)
        own = str(new_run_dir(composed)) if processes.first else ""
        folder = Path(processes.agree(own))
        with sweep.released_on_failure(folder):
            parts = build(composed.cfg)
        execute(parts, folder, make_console(quiet=not verbose))
    run = RunResult(folder, targets_of(composed.cfg))
    if processes.first and not verbose:
        warn_user(caution_lines(run.trace))
    return run


def compose_named(overrides: Iterable[str]) -> Composed:
    """Compose a run; an unknown key or choice is a `ValueError` in the words of the command."""
    words = overrides if isinstance(overrides, str) else list(overrides)
    try:
        composed = compose_run(words)
        check_added_keys(words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(explain(error, words)) from error
    return composed


def new_run_dir(composed: Composed, folder: Path | None = None) -> Path:
    """Make the run's folder, with the configuration in it, and return it."""
    cfg, settings = composed
    own = Path(settings.run.dir if folder is None else folder).resolve()
    own.mkdir(parents=True, exist_ok=True)
    sweep.check_free(own)
    sweep.save_config(cfg, sweep.configuration_hash(cfg), own, settings)
    return own
