"""Which folder of a sweep belongs to which configuration, and which of its jobs have failed.

Jobs may run at the same time, in other processes and on other machines; they share the folder.
"""

import itertools
import json
import shutil
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fusion_sched.config.build import build_dataset, build_model, check_trainable
from fusion_sched.runlog import TRACE_FILE, read_trace
from fusion_sched.runtime.checkpoint import CHECKPOINT_DIR, LAST
from fusion_sched.runtime.files import atomic_write, json_digest, lock, writing
from fusion_sched.types import Splits

RESUME = "sweep.resume="
FOLDER = "hydra.sweep.dir="
HYDRA_DIR = ".hydra"
CONFIG = "config.yaml"
HASH_LINE = "# configuration: "
"""Begins the first line of a saved configuration, before its hash."""
LOCK = ".sweep.lock"
FAILED = ".failed"
LAUNCHER_EXTRAS = {
    "joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray",
}  # fmt: skip
"""The extra that brings each of the launchers that Hydra does not have itself."""
PLAIN_ERRORS = (ValueError, OSError, FloatingPointError)
"""Errors whose message needs no name of the exception."""


def split_resume(arguments: list[str]) -> tuple[bool, list[str]]:
    """Return whether a sweep is to go on, and the arguments without `sweep.resume`.

    Raises
    ------
    ValueError
        A value that is neither true nor false, or no folder to go on with.
    """
    values = [a.removeprefix(RESUME) for a in arguments if a.startswith(RESUME)]
    others = [a for a in arguments if not a.startswith(RESUME)]
    for value in values:
        if value not in ("true", "false"):
            raise ValueError(f"sweep.resume is {value!r}, expected true or false")
    resume = values[-1:] == ["true"]
    if resume and not any(a.startswith(FOLDER) for a in others):
        raise ValueError(
            "sweep.resume=true goes on with a sweep, but does not say with which: add "
            "hydra.sweep.dir=FOLDER"
        )
    return resume, others


def check_folders(overrides: Iterable[str]) -> None:
    """Raise where a folder of runs is set to nothing, which would be the working folder."""
    for override in overrides:
        key, _, value = override.partition("=")
        if key in ("hydra.sweep.dir", "hydra.run.dir") and value.strip("'\" ") in ("", "null"):
            raise ValueError(f"{key} is empty, expected a folder to write to")


def missing_extra(error: MissingConfigException) -> Exception:
    """Return, for a launcher whose package is not installed, an error that names the extra."""
    launcher = str(error.missing_cfg_file).removeprefix("hydra/launcher/")
    if launcher not in LAUNCHER_EXTRAS:
        return error
    return ImportError(
        f"hydra/launcher={launcher} is of a package that is not installed: "
        f'pip install "fusion-sched[{LAUNCHER_EXTRAS[launcher]}]"'
    )


def absolute_sweep_dir(argument: str) -> str:
    """Return an override; a relative folder of a sweep as one of this working folder.

    Workers of a launcher may have another working folder, and Hydra resolves the path there.
    """
    folder = argument.removeprefix(FOLDER)
    if folder == argument or folder.startswith(("/", "$", "'", '"')):
        return argument
    return f"{FOLDER}${{hydra.runtime.cwd}}/{folder}"


def configuration_hash(cfg: DictConfig) -> str:
    return json_digest(OmegaConf.to_container(cfg, resolve=True))[:16]


def sweep_folder() -> Path:
    return Path(HydraConfig.get().sweep.dir).resolve()


def acquire_run_dir(cfg: DictConfig, resume: bool) -> Path:
    """Return the folder of the running job's run, with the configuration written into it.

    In a resumed sweep that is the folder in which a run of this configuration has begun, whatever
    number it had then, or else one that holds nothing.

    Raises
    ------
    FileExistsError
        The folder already holds something, and the sweep is not resumed.
    """
    own = Path(HydraConfig.get().runtime.output_dir)
    wanted = configuration_hash(cfg)
    if not resume:
        check_free(own)
        save_config(cfg, wanted, own)
        return own
    if HydraConfig.get().mode != RunMode.MULTIRUN:
        _remove_empty(own)
        raise ValueError(
            "sweep.resume=true is for sweeps (-m); a single run goes on by resume=FOLDER"
        )
    with lock(sweep_folder() / LOCK, blocking=True):
        folder = find_run(sweep_folder(), wanted)
        if folder is None:
            folder = _free_folder(sweep_folder(), own)
            save_config(cfg, wanted, folder)
        if folder != own:
            _remove_empty(own)
    return folder


def check_free(folder: Path) -> None:
    """Raise where the run folder already holds something."""
    # A process that was killed while it wrote the configuration has not begun.
    held = sorted(p.name for p in folder.iterdir() if p.name != HYDRA_DIR or (p / CONFIG).exists())
    if not held:
        return
    begun = (folder / CHECKPOINT_DIR / LAST).exists()
    go_on = f"go on with it by `fusion-sched train resume={folder}`, or " if begun else ""
    raise FileExistsError(
        f"{folder} already holds {', '.join(held[:4])}; nothing was overwritten: {go_on}choose "
        "another hydra.run.dir (in a sweep: hydra.sweep.dir, or go on with all of it by "
        "sweep.resume=true)"
    )


def find_run(sweep: Path, wanted: str) -> Path | None:
    """Return the folder of the run whose configuration has the hash, `None` if there is none."""
    for saved in sorted(sweep.rglob(f"{HYDRA_DIR}/{CONFIG}")):
        with saved.open(encoding="utf-8") as file:
            if file.readline() == f"{HASH_LINE}{wanted}\n":
                return saved.parents[1]
    return None


def _free_folder(sweep: Path, own: Path) -> Path:
    """Return the job's own folder, or the first of 0, 1, 2 … in the sweep, that holds nothing."""
    numbered = (sweep / str(number) for number in itertools.count())
    candidates = itertools.chain([own], numbered)
    return next(f for f in candidates if not f.exists() or not any(f.iterdir()))


def has_ended(folder: Path) -> bool:
    """Say whether the run in the folder has its result; one that has not begun has none."""
    trace = folder / TRACE_FILE
    begun = trace.is_file() and trace.stat().st_size > 0
    return begun and read_trace(folder).result is not None


def save_config(
    cfg: DictConfig, own_hash: str, folder: Path, settings: DictConfig | None = None
) -> None:
    """Write the composed configuration, under its hash, and the overrides, as Hydra would have.

    The configuration comes first and at once: with it the folder is this run's. `settings` are
    Hydra's own, by default those of the running job.
    """
    hydra_cfg = HydraConfig.get() if settings is None else settings
    saved = folder / HYDRA_DIR
    saved.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_write(saved / CONFIG) as file:
            file.write(f"{HASH_LINE}{own_hash}\n{OmegaConf.to_yaml(cfg, resolve=True)}".encode())
    except OSError:  # a full disk: the folder is free for the same command
        shutil.rmtree(saved)
        raise
    besides = {
        "overrides.yaml": hydra_cfg.overrides.task,
        "hydra.yaml": OmegaConf.create({"hydra": hydra_cfg}),
    }
    for name, part in besides.items():
        with writing(saved / name):
            OmegaConf.save(part, saved / name)


@contextmanager
def released_on_failure(folder: Path) -> Iterator[None]:
    """Remove the folder of a run that the body cannot build; one that has begun stays."""
    with ExitStack() as stack:
        stack.callback(_release_run_dir, folder)
        yield
        stack.pop_all()


def _release_run_dir(folder: Path) -> None:
    if not (folder / TRACE_FILE).exists():
        shutil.rmtree(folder / HYDRA_DIR)
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # one that holds anything stays
        folder.rmdir()


class SweepDirCallback(Callback):
    """Remembers the folder of the sweep that this process starts, which only Hydra knows, and
    refuses a sweep with a combination that cannot train.
    """

    folder: ClassVar[Path | None] = None

    @classmethod
    def forget(cls) -> None:
        cls.folder = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        refusals = combinations_that_cannot_train(config)
        if refusals:
            raise RefusedSweep("\n".join(["no job of the sweep was started:", *refusals]))
        SweepDirCallback.folder = Path(config.hydra.sweep.dir).resolve()


class RefusedSweep(BaseException):
    """A sweep that is not started, and why."""


LOCAL_LAUNCHERS = ("BasicLauncher", "JoblibLauncher")


def combinations_that_cannot_train(config: DictConfig) -> list[str]:
    """Return a sentence for each combination of a sweep whose parts do not go together.

    To know that takes the data, so it is asked only where the jobs run on this machine. What else
    is wrong with a job is for the job to say: the others run.
    """
    sweeper, launcher = (str(config.hydra[part]._target_) for part in ("sweeper", "launcher"))
    if not sweeper.endswith(".BasicSweeper") or not launcher.endswith(LOCAL_LAUNCHERS):
        return []
    jobs = _jobs_without_seed(config)
    loaded: dict[str, Splits] = {}
    refusals = []
    for overrides in jobs if len(jobs) > 1 else ():  # of one, each job says it at once
        try:
            cfg = GlobalHydra.instance().config_loader().load_sweep_config(config, list(overrides))
            data = json_digest(OmegaConf.to_container(cfg.dataset, resolve=True))
            if data not in loaded:
                loaded[data] = build_dataset(cfg).load()
            model = build_model(cfg, loaded[data].shapes, len(loaded[data].classes))
        except (*PLAIN_ERRORS, ImportError, HydraException, OmegaConfBaseException):
            continue
        try:
            check_trainable(cfg, model)
        except ValueError as error:
            refusals.append(f"{' '.join(overrides)}: {error}")
    return refusals


def _jobs_without_seed(config: DictConfig) -> list[tuple[str, ...]]:
    """Return the overrides of the sweep's jobs but for the seed, each combination once."""
    loader = GlobalHydra.instance().config_loader()
    parameters = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    texts = [*parameters, *config.hydra.overrides.task]
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(texts)
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    return list(dict.fromkeys(tuple(o for o in job if not o.startswith("seed=")) for job in jobs))


def write_failure(failure_id: str, error: Exception) -> None:
    """Write, from any process, a failure record of the running job."""
    job = HydraConfig.get().job
    name = "" if isinstance(error, PLAIN_ERRORS) else f"{type(error).__name__}: "
    content = {
        "message": f"job {job.num} ({job.override_dirname}): {name}{error}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    folder = sweep_folder() / FAILED / failure_id
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{job.num:06d}.json") as file:
        file.write(json.dumps(content).encode())


def read_failures(sweep: Path, failure_id: str) -> list[dict[str, str]]:
    """Read and delete the failure records: message and traceback of each job, in order."""
    folder = sweep / FAILED / failure_id
    records = sorted(folder.glob("*.json"))
    failures = [json.loads(record.read_text(encoding="utf-8")) for record in records]
    for record in records:
        record.unlink()
    for emptied in (folder, folder.parent):
        _remove_empty(emptied)
    return failures
