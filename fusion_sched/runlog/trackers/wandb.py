"""Weights & Biases, offline unless told otherwise: ``wandb sync`` sends the run later."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from fusion_sched.runlog.trackers import Sink, results_of, scalars_of


@dataclass(frozen=True)
class WandB:
    """Logs to ``project``; ``mode``: ``"offline"`` or ``"online"``."""

    project: str = "fusion-sched"
    mode: str = "offline"

    def __post_init__(self) -> None:
        if self.mode not in ("offline", "online"):
            raise ValueError(f"mode is {self.mode!r}, expected 'offline' or 'online'")

    def open(self, folder: Path) -> Sink:
        """Return the log of a run."""
        try:
            import wandb
        except ImportError as error:
            raise ImportError(
                'tracker=wandb needs wandb: pip install "fusion-sched[wandb]", or take tracker=none'
            ) from error
        name = sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        run = wandb.init(
            project=self.project, mode=self.mode, dir=str(folder), id=name, name=folder.name,
            resume="allow", settings=wandb.Settings(silent=True, console="off"),
        )  # fmt: skip
        return Log(run)


class Log:
    """One run."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def record(self, event: Mapping[str, Any]) -> None:
        """Log the configuration once, and an event's numbers with its epoch."""
        if event["event"] == "start":
            self.run.config.update(event["config"])
        numbers = {**scalars_of(event), **results_of(event)}
        if numbers:
            self.run.log({**numbers, "epochs": event.get("epoch", 0) + 1})

    def close(self) -> None:
        """End the run."""
        self.run.finish()
