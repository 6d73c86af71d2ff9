"""The typed top level of a training configuration, and where the configs lie."""

from dataclasses import dataclass, field
from typing import Any

from fusion_sched.runtime.files import config_dir as config_dir

Node = dict[str, Any]


@dataclass
class Stage1Config:
    """Stage 1: each modality alone, for at most `epochs` epochs."""

    epochs: int = 15
    optimizer: Node = field(default_factory=dict)
    scheduler: Node = field(default_factory=dict)


@dataclass
class Stage2Config:
    """Stage 2: joint training."""

    epochs: int = 15
    optimizer: Node = field(default_factory=dict)
    scheduler: Node = field(default_factory=dict)


@dataclass
class EarlyStoppingConfig:
    """When a stage ends before its last epoch."""

    patience: int | None = None
    monitor: str = "accuracy"
    min_delta: float = 0.0


@dataclass
class DebugConfig:
    """What a run is cut down to, and whether its steps are profiled."""

    samples: int | None = None
    epochs: int | None = None
    memorise: Any = False
    profile_steps: int = 0


@dataclass
class TrainConfig:
    """Everything `fusion-sched train` takes. Groups are nodes with a `_target_`."""

    dataset: Node = field(default_factory=dict)
    encoder: Node = field(default_factory=dict)
    fusion: Node = field(default_factory=dict)
    probe: Node = field(default_factory=dict)
    solver: Node = field(default_factory=dict)
    controller: Node = field(default_factory=dict)
    balancer: Node = field(default_factory=dict)
    tracker: Node = field(default_factory=dict)
    method: str = ""
    role: str = ""
    search_trials: int = 0
    stage1: Stage1Config = field(default_factory=Stage1Config)
    stage2: Stage2Config = field(default_factory=Stage2Config)
    # Any: hydra would take every number for true; `check_values` asks for true or false.
    equal_budget: Any = True
    robustness: Any = True
    select: str = "fused"
    calibrate: Any = False
    batch_size: int = 64
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    workers: int = 0
    precision: str = "float32"
    channels_last: Any = False
    compile: Any = False
    early_stopping: EarlyStoppingConfig = field(default_factory=EarlyStoppingConfig)
    gradient_clip_norm: float | None = None
    accumulate_batches: int = 1
    warmup_epochs: int = 0
    ema_decay: float | None = None
    label_smoothing: float = 0.0
    class_weights: Any = None
    mixup_alpha: float = 0.0
    modality_dropout: float = 0.0
    modality_optimizers: Node = field(default_factory=dict)
    debug: DebugConfig = field(default_factory=DebugConfig)


def register() -> None:
    """Make the schema known to Hydra as `train_schema`."""
    from hydra.core.config_store import ConfigStore  # the help needs the folder alone

    ConfigStore.instance().store("train_schema", node=TrainConfig)
