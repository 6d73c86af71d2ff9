"""When a stage ends before its last epoch: nothing improves any more, or all is memorised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusion_sched.evaluation.metrics import Evaluation
from fusion_sched.types import FUSED, Stage

MONITORS = ("accuracy", "macro_f1", "loss")


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a stage after `patience` epochs in which `monitor` has not improved on validation.

    In stage 1 the quantity is the mean over all modalities' heads, in stage 2 that of the fused
    head. An improvement is one by more than `min_delta`; `loss` is to fall, the others to rise.

    Raises
    ------
    ValueError
        A value that cannot be used.
    """

    patience: int
    monitor: str = "accuracy"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(
                f"early_stopping.patience is {self.patience}, expected at least 1 epoch, or null"
            )
        if self.monitor not in MONITORS:
            raise ValueError(
                f"early_stopping.monitor is {self.monitor!r}, expected one of {list(MONITORS)}"
            )
        if self.min_delta < 0:
            raise ValueError(f"early_stopping.min_delta is {self.min_delta}, expected 0 or more")

    def value(self, validation: Evaluation, stage: Stage) -> float:
        """Return the quantity; larger is better."""
        if self.monitor == "loss":
            by_head = {m: -value for m, value in validation.loss.items()}
        elif self.monitor == "macro_f1":
            by_head = validation.macro_f1()
        else:
            by_head = validation.accuracy()
        if stage.joint:
            return by_head[FUSED]
        own = [value for name, value in by_head.items() if name != FUSED]
        return sum(own) / len(own)

    def step(self, state: dict[str, Any], value: float) -> dict[str, Any]:
        """Return the best value of the stage, and the epochs since; `state` is empty at first."""
        if not state or value > state["best"] + self.min_delta:
            return {"best": value, "epochs": 0}
        return {**state, "epochs": state["epochs"] + 1}


def memorised(accuracy: Mapping[str, float], stage: Stage) -> bool:
    """Whether every training sample was right: by the fused head, in stage 1 by all that train."""
    heads = (FUSED,) if stage.joint else stage.active
    return all(accuracy[name] == 1 for name in heads)
