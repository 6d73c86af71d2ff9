"""Device, threads, seeds and versions: what a run must know of its machine."""

import hashlib
import importlib.metadata
import os
import platform
import random
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device called `name`; `auto` takes CUDA where there is one.

    `local_rank` numbers the processes of one training on this machine: each has its own device.

    Raises
    ------
    ValueError
        A name torch does not know, or a device this machine does not have.
    """
    if name == "auto":
        return (
            torch.device("cuda", local_rank) if torch.cuda.is_available() else torch.device("cpu")
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={name!r} cannot be used here: {reason}; use device=auto or device=cpu"
        ) from error
    return device


def seed_for(seed: int, *purpose: int | str) -> int:
    """Return a 63-bit seed that depends on the run's seed and on what it is for.

    Randomness is a function of (seed, epoch, purpose) and never of what was drawn before: so a
    resumed run draws what the uninterrupted one would have drawn.
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def seed_everything(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (for plugged-in code that draws from it)
    random.seed(seed)


@contextmanager
def preserved_process() -> Iterator[None]:
    """Afterwards the random numbers and torch's threads of this process are as they were."""
    threads, of_numpy, of_python = torch.get_num_threads(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


def versions() -> dict[str, str]:
    packages = ("fusion-sched", "torch", "numpy", "scipy", "scikit-learn", "hydra-core")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **installed}


def git_revision() -> str | None:
    """Return the revision of the checkout this package runs from, `None` outside of one."""
    folder = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:  # no git on this machine
        return None
    tracked = subprocess.run(
        ["git", "ls-files", "--error-unmatch", "__init__.py"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() if answer.returncode == 0 and tracked.returncode == 0 else None


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory held so far: torch's on a CUDA device, this process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if platform.system() == "Darwin" else 1024  # of ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def shown_path(folder: Path) -> str:
    """Return a path relative to the working directory where that is shorter."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative


def describe_device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()}, {torch.get_num_threads()} thread(s))"
