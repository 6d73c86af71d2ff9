"""TensorBoard: event files beside the trace, looked at by ``tensorboard --logdir outputs``."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fusion_sched.runlog.trackers import Nowhere, Sink, results_of, scalars_of

FOLDER = "tensorboard"


@dataclass(frozen=True)
class TensorBoard:
    """Writes to ``tensorboard/`` in the run's folder; ``required``: an error where TensorBoard is
    not installed, otherwise nothing is written there.
    """

    required: bool = True

    def open(self, folder: Path) -> Sink:
        """Return the writer of a run."""
        if find_spec("tensorboard") is None:
            if not self.required:
                return Nowhere()
            raise ImportError(
                "tracker=tensorboard needs TensorBoard: pip install tensorboard, or take "
                "tracker=none"
            )
        return Writer(folder / FOLDER)


class Writer:
    """One run's event file."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def record(self, event: Mapping[str, Any]) -> None:
        """Write an event's numbers at its epoch, decisions and the result as text."""
        step = event.get("epoch", 0) + 1
        for name, value in {**scalars_of(event), **results_of(event)}.items():
            self.writer.add_scalar(name, value, step)
        if event["event"] == "decision":
            self.writer.add_text("decision", event["reason"], step)

    def close(self) -> None:
        """Close the file."""
        self.writer.close()
