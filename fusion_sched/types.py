"""The nouns everyone shares: a batch, a model's outputs, a stage, a diagnosis, a decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

FUSED = "fused"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of the channels of pictures on a 0-1 scale: datasets of files normalise by them."""
RHYTHM, NEAR_THRESHOLD, STAGE_END = "rhythm", "near threshold", "stage end"
"""Why a diagnosis has null levels, p-values and a check of its cells."""
WITH_HEADS = f"{FUSED}+heads"
"""The fused head, weighted with the heads of the modalities."""
KEPT = "kept"
"""The ensemble of the heads as they were at the hand-over, beside what joint training made."""
POOL = "pool"
"""The mean of the probabilities that `KEPT` and the models of joint training predict."""
DEPLOYABLE = {
    FUSED: "the fused head",
    WITH_HEADS: "the fused head with the modalities' heads",
    KEPT: "the ensemble kept from stage 1",
    POOL: "the mean of the other three",
}
"""What can be deployed after joint training, in words."""
HELD_OUT = ("validation", "held_out")
"""Sources of a probe whose samples no encoder trains on; `both` reads validation beside train."""


class Batch(NamedTuple):
    """Some samples.

    ``inputs``: modality name → tensor ``(B, *shape)``; ``y``: int64 class ids ``(B,)``;
    ``index``: int64 position of each sample in its split ``(B,)``; ``soft``: ``(B, classes)``, the
    targets of a training loss where they are not the labels.
    """

    inputs: dict[str, Tensor]
    y: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a batch
    soft: Tensor | None = None

    @property
    def targets(self) -> Tensor:
        """What a training loss compares logits with: ``soft``, or ``y`` where there is none."""
        return self.y if self.soft is None else self.soft


class Outputs(NamedTuple):
    """What a network says of a batch.

    ``logits``: fused ``(B, classes)``; ``unimodal``: modality → ``(B, classes)``;
    ``embeddings``: modality → ``(B, embedding)``.
    """

    logits: Tensor
    unimodal: dict[str, Tensor]
    embeddings: dict[str, Tensor]

    def by_head(self) -> dict[str, Tensor]:
        """Return all logits, by modality and then ``fused``."""
        return {**self.unimodal, FUSED: self.logits}


@dataclass(frozen=True)
class Stage:
    """Which modalities train, and whether jointly through the fusion module.

    A unimodal stage trains the encoder and head of every modality in ``active``; the others are
    paused. The joint stage trains everything.
    """

    active: tuple[str, ...]
    joint: bool = False

    @property
    def name(self) -> str:
        """``"unimodal"`` or ``"joint"``, as the trace writes it."""
        return "joint" if self.joint else "unimodal"

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.active)})"


class Estimate(NamedTuple):
    """One number estimated from samples, in the unit of what it belongs to.

    `low` to `high`: 95 % interval; `se`: standard error; `null`: mean under shuffled labels; `p`:
    p-value. `None` where there is no such number.
    """

    value: float
    low: float | None = None
    high: float | None = None
    se: float | None = None
    null: float | None = None
    p: float | None = None

    def __str__(self) -> str:
        ends = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        # Rounded before 0 is added, which makes -0.00 a plain 0.00.
        return f"{round(self.value, 2) + 0.0:.2f}{ends}"

    def to_json(self) -> dict[str, float]:
        """The JSON object of the trace: these names, without what is `None`."""
        return {name: number for name, number in self._asdict().items() if number is not None}

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends; raises `ValueError` for a point estimate."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self} has no interval; ask the probe for intervals")
        return self.low, self.high

    @property
    def standard_error(self) -> float:
        """`se`; raises `ValueError` for a point estimate."""
        if self.se is None:
            raise ValueError(f"{self} has no standard error; ask the probe for intervals")
        return self.se

    def negated(self) -> "Estimate":
        """The estimate of the quantity with its sign changed."""
        low, high = self.interval
        null = None if self.null is None else -self.null
        return self._replace(value=-self.value, low=-high, high=-low, null=null)

    def excludes_zero(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.interval
        return low > 0 or high < 0


class Samples(Protocol):
    """One split of a dataset: what a loader needs, and what a fingerprint needs."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return these samples as one batch."""

    @property
    def labels(self) -> Tensor:
        """Return int64 class ids ``(len(self),)``."""

    def fingerprint(self) -> str:
        """Return a hash of the split's content."""


def as_is(batch: Batch) -> Batch:
    """Return the batch itself."""
    return batch


@dataclass(frozen=True)
class Splits:
    """What a dataset loads: three disjoint splits and a view of train without augmentation.

    ``finish`` turns a batch of any split, once it is on the device, into network inputs of
    ``shapes``; ``augment`` then changes a training batch at random, drawing from a generator on
    the CPU alone. Both are for work that is cheaper on the device than in loader processes.
    ``preprocessing``: modality → JSON values that make a new sample an input of the network, as
    the dataset's own ``read_new`` takes them. ``store``: folder of prepared data, where
    there is one.
    """

    train: Samples
    validation: Samples
    test: Samples
    plain_train: Samples
    shapes: Mapping[str, tuple[int, ...]]
    classes: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    finish: Callable[[Batch], Batch] = as_is
    augment: Callable[[Batch, Generator], Batch] | None = None
    preprocessing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    store: Path | None = None

    def by_name(self) -> dict[str, Samples]:
        """Return the three disjoint splits."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def fingerprints(self) -> dict[str, str]:
        """Return the hash of each split's content."""
        return {name: split.fingerprint() for name, split in self.by_name().items()}


class Dataset(Protocol):
    """Knobs in the object, data in the call."""

    def load(self) -> Splits:
        """Read or generate the data; raise ``ValueError`` or ``OSError`` where it is unusable."""


@dataclass(frozen=True)
class InputFormat:
    """What a trained network takes.

    ``shapes``, ``dtypes``: modality → shape of one sample, name of a torch type;
    ``preprocessing``: as in `Splits`.
    """

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    classes: tuple[str, ...]
    preprocessing: Mapping[str, Mapping[str, Any]]


NO_LABEL = -1
"""Class id of a sample whose label is not known."""
ID = "id"
"""Column or array of ids of new samples, which their predictions then carry."""


@dataclass(frozen=True)
class NewSamples:
    """Samples that a trained network is asked about.

    ``present``: modality → bool ``(N,)``, whether a sample has it; its input is 0 where not.
    ``samples.labels`` are `NO_LABEL` where none is given; ``notes``: what is worth knowing.
    """

    samples: Samples
    ids: Sequence[str]
    present: Mapping[str, Tensor]
    finish: Callable[[Batch], Batch] = as_is
    notes: Sequence[str] = ()


@runtime_checkable
class ReadsNew(Protocol):
    """A dataset that can read samples without a label or a split."""

    def read_new(self, expected: InputFormat) -> NewSamples:
        """Read the samples; raise ``ValueError`` or ``OSError`` where they do not fit."""


class Predictions(NamedTuple):
    """A split as the model sees it, in evaluation mode; on the CPU unless asked otherwise.

    ``logits``: modality or ``fused`` → ``(N, classes)``; ``embeddings``: modality → ``(N, size)``;
    ``y``: class ids ``(N,)``.
    """

    logits: dict[str, Tensor]
    embeddings: dict[str, Tensor]
    y: Tensor


class StepOutput(NamedTuple):
    """What one training step saw: logits ``(B, classes)`` and mean cross-entropies, by modality
    or ``fused``; without gradients.
    """

    logits: dict[str, Tensor]
    losses: dict[str, Tensor]

    @classmethod
    def of(cls, logits: Mapping[str, Tensor], losses: Mapping[str, Tensor]) -> "StepOutput":
        """Return the step of these tensors, without their gradients."""
        return cls(
            {name: values.detach() for name, values in logits.items()},
            {name: loss.detach() for name, loss in losses.items()},
        )


def losses_of(logits: Mapping[str, Tensor], targets: Tensor) -> dict[str, Tensor]:
    """Return the mean cross-entropy of each set of logits; a batch's `targets` in training."""
    return {name: cross_entropy(values, targets) for name, values in logits.items()}


class ProbeInputs(NamedTuple):
    """What a probe looks at, for N samples; on the CPU, or on the device of the run.

    ``embeddings``: modality → ``(N, size)``; ``predictions``: modality → class ids ``(N,)`` that
    its own head predicts; ``y``: class ids ``(N,)``. ``groups``: ids ``(N,)`` of what samples
    share, which `PosteriorProbe` holds out as a whole. ``checks``: whether `PosteriorProbe` makes
    its checks: `RHYTHM`: by its own knob; `NEAR_THRESHOLD` or `STAGE_END`: yes, for this reason;
    `None`: only where every diagnosis has them.
    """

    embeddings: dict[str, Tensor]
    predictions: dict[str, Tensor]
    y: Tensor
    groups: Tensor | None = None
    checks: str | None = RHYTHM


@dataclass(frozen=True)
class Diagnosis:
    """Information, in bits, that the modalities' embeddings carry about the label.

    Per modality m, held against all others together: ``unique``, ``mi`` = I(X_m; Y), and ``ecs``,
    its share of H(Y). ``redundancy``, ``synergy`` and ``joint_mi`` are means over the modalities
    (with two they are one number each); the first two are ``None`` with a single modality.
    For every pair, ``log_ratio["a/b"]`` is ln(U_a / U_b), ``difference["a/b"]`` is U_a - U_b, and
    ``ecs_log_ratio["a/b"]`` is ln(ECS_a / ECS_b). ``change`` holds what differs from the
    last probe. ``pairs["a/b"]`` and ``union_mi`` (three or more modalities): the decomposition of
    each pair, and the least information any coupling of the modalities has. ``quadrants``: shares
    of samples by whose head is right; ``class_unique``: modality → class → bits. ``winner``: the
    modality that the ratio of ECS predicts to win joint training, ``None`` while undecided.
    ``gap`` is the solver's largest certified error. ``lower``: source → the held-out lower bound of
    its information, H(Y) - cross-entropy; ``models``: source → the label model with the largest
    share. A source is a modality, several joined by ``+``, or ``all``. ``checks``: why null levels,
    p-values and a check of the cells were made, ``None`` where they were not or always are.
    """

    unique: Mapping[str, Estimate]
    mi: Mapping[str, Estimate]
    ecs: Mapping[str, Estimate]
    joint_mi: Estimate
    label_entropy: float
    samples: int
    clusters: Mapping[str, int]
    samples_per_cell: float
    gap: float
    redundancy: Estimate | None = None
    synergy: Estimate | None = None
    log_ratio: Mapping[str, Estimate] = field(default_factory=dict)
    difference: Mapping[str, Estimate] = field(default_factory=dict)
    ecs_log_ratio: Mapping[str, Estimate] = field(default_factory=dict)
    change: Mapping[str, Estimate] = field(default_factory=dict)
    pairs: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    union_mi: float | None = None
    quadrants: Mapping[str, float] = field(default_factory=dict)
    class_unique: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    winner: str | None = None
    lower: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    checks: str | None = None
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def log_ratio_of(self, first: str, second: str) -> Estimate:
        """ln(U_first / U_second), whichever way round it was estimated."""
        if f"{first}/{second}" in self.log_ratio:
            return self.log_ratio[f"{first}/{second}"]
        return self.log_ratio[f"{second}/{first}"].negated()

    def _repr_html_(self) -> str:
        """A table for notebooks: what the label shares with the embeddings, with 95 % intervals."""
        bits: dict[str, Estimate | None] = {f"unique {m}": e for m, e in self.unique.items()}
        bits |= {"redundancy": self.redundancy, "synergy": self.synergy, "together": self.joint_mi}
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{e.value:.2f}</td><td>{_interval_text(e)}</td></tr>"
            for name, e in bits.items()
            if e is not None
        )
        notes = "".join(f"<p>{escape(text)}</p>" for text in self.warnings)
        caption = f"{self.samples} samples; the label has {self.label_entropy:.2f} bit"
        head = "<tr><th></th><th>bits</th><th>95 % interval</th></tr>"
        return f"<table><caption>{caption}</caption>{head}{rows}</table>{notes}"


def _interval_text(estimate: Estimate) -> str:
    return "" if estimate.low is None else f"{estimate.low:.2f} to {estimate.high:.2f}"


@dataclass(frozen=True)
class HeldOut:
    """What predictors tell of validation samples, in bits.

    A predictor is a modality's head, the ensemble of several heads joined by ``+``, or ``fused``;
    its weights and temperatures are fitted on other validation samples than those it is scored on.
    ``information``: predictor → H(Y) - cross-entropy, a lower bound of the information that
    generalises; ``gain["a/b"]``: the information of a minus that of b over the same samples;
    ``accuracy``: predictor → share of right predictions.
    """

    information: Mapping[str, Estimate]
    accuracy: Mapping[str, float]
    gain: Mapping[str, Estimate] = field(default_factory=dict)
    samples: int = 0


class Observation(NamedTuple):
    """What a controller sees at the end of an epoch of stage 1, and once before the first.

    ``epoch`` counts from 0 and is -1 before the first, when ``validation`` is still empty and the
    diagnosis is that of the untrained network. ``diagnosis`` is the latest one and ``fresh`` says
    whether it was made in this epoch. ``last`` marks the last epoch that stage 1 may take: a
    controller that does not hand over then is overruled. ``generalising`` is the diagnosis of
    samples that no encoder trains on, in the same epoch as ``diagnosis``: with
    ``probe.source=both`` beside it, with ``validation`` and ``held_out`` the same. ``held_out``
    comes with it, of the heads; after a decision that says ``measure``, of their ensembles too.
    """

    epoch: int
    diagnosis: Diagnosis | None
    fresh: bool
    validation: Mapping[str, float]
    last: bool
    generalising: Diagnosis | None = None
    held_out: HeldOut | None = None


ControllerState = dict[str, Any]
"""A controller's memory: JSON values only, so that it checkpoints and goes into the trace."""


@dataclass(frozen=True)
class Decision:
    """What a controller wants next, and why, in words that hold the numbers.

    ``keep`` asks the run to remember the present weights, ``keep_only`` those of these modalities
    alone; ``restore`` asks it to go back to the remembered ones before it goes on. ``measure`` ends
    stage 1: the run measures what ensembles of the heads tell of validation samples, and asks again
    at once. ``fused``: the modalities that are fused from now on, all where empty; ``ensemble``:
    by the ensemble of their heads instead of the fusion module; ``pooled``: by the mean of that
    ensemble, the fusion module and the ensemble as it was at the hand-over. ``threshold_distance``:
    how far the nearest quantity that could change the stage is from its threshold, in standard
    errors; near it the next diagnosis is checked more closely.
    """

    stage: Stage
    reason: str
    keep: bool = False
    restore: bool = False
    threshold_distance: float | None = None
    keep_only: tuple[str, ...] = ()
    measure: bool = False
    fused: tuple[str, ...] = ()
    ensemble: bool = False
    pooled: bool = False


class Controller(Protocol):
    """A pure state machine: same state and observation, same answer."""

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Return the state before training and the stage to begin with."""

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Return the next state and decision; ``state`` itself is left as it was."""
