"""What embeddings tell of a label, in bits: cross-fitted label models, then the exact solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import torch
from torch import Tensor

from fusion_sched.pid import Solver
from fusion_sched.probe.posterior.atoms import JOINT, SourceModel, pair_information
from fusion_sched.probe.posterior.checks import check_cells, check_halved, check_samples
from fusion_sched.probe.posterior.features import ModalityFeatures
from fusion_sched.probe.posterior.folds import Folds, make_folds
from fusion_sched.probe.posterior.inputs import (
    BITS,
    Labels,
    check_arrays,
    checked_labels,
    standardised,
)
from fusion_sched.probe.posterior.intervals import (
    PosteriorPair,
    estimate_pair,
    estimate_source,
    swapped,
    widened,
)
from fusion_sched.probe.posterior.nulls import Nulls, largest_scores, shuffled_labels
from fusion_sched.probe.posterior.sources import LabelModel, joint, unimodal_model
from fusion_sched.types import Estimate

ALL = "all"
LEAST_SAMPLES = 12
RENEW = 5  # diagnoses after which all candidates are tried again


@dataclass(frozen=True)
class State:
    """What the next diagnosis of the same modalities starts from.

    `kept` holds, by source, the candidates that mattered with their options for each fold, and the
    cells that were of use; `age` counts the diagnoses since all were tried.
    """

    kept: dict[str, dict[str, list[float]]]
    age: int = 0


@dataclass(frozen=True)
class PosteriorEstimate:
    """Information about the label, in bits; every number with a 95 % interval.

    `against_rest[m]` decomposes modality m (source 1) and all others together (source 2), by the
    names of `intervals.PARTS`, `log_ratio` included; `pairs["a/b"]` two of three or more. `mi[m]`
    and `joint_mi` are informations; `lower[m]` and `lower["all"]` are held-out lower bounds,
    H(Y) - cross-entropy. `models[source]` names the candidate with the largest share.
    """

    mi: dict[str, Estimate]
    joint_mi: Estimate
    against_rest: dict[str, PosteriorPair]
    pairs: dict[str, PosteriorPair]
    lower: dict[str, float]
    models: dict[str, str]
    label_entropy: float
    samples: int
    classes: int
    gap: float
    warnings: tuple[str, ...]
    state: State = field(repr=False)


@torch.inference_mode()
def estimate(
    embeddings: Mapping[str, Tensor],
    y: Tensor,
    *,
    groups: Tensor | None = None,
    seed: int = 0,
    intervals: bool = True,
    solver: Solver | None = None,
    state: State | None = None,
) -> PosteriorEstimate:
    """Decompose what embeddings tell of a label, through cross-fitted posteriors P(y | x).

    By Blackwell's theorem redundancy and unique information depend on each modality only through
    its posterior. Every posterior is a mixture of discriminant analyses in several feature maps,
    refined by the label counts of k-means cells; no sample is scored by a model fitted on it. The
    information of a source is H(Y) less the held-out cross-entropy, with what the learning curve
    says is missing. I* is solved exactly on cells of similar posterior that hold just this
    information; the joint information comes from models of all modalities together.

    Parameters
    ----------
    embeddings:
        Modality name -> floating-point (N, d), one modality or more, on any device.
    y:
        Integer class ids (N,), whatever the numbers.
    groups:
        Integer ids (N,) of what samples share (speakers): kept whole in a fold, and resampled
        as a whole in the standard errors.
    seed:
        Of the folds, the landmarks and the shuffles.
    intervals:
        With null levels, p-values and the check of the number of cells. Without, these are left
        out; the intervals themselves follow from the solver's duals at no price.
    solver:
        Of I*; by default scaling to 5e-3 bits.
    state:
        The `state` of the last estimate: only candidates that mattered are fitted again.

    Raises
    ------
    ValueError
        For arrays that do not fit together, NaN or infinity, fewer than 12 samples, and
        embeddings whose offset has used up their digits.

    Examples
    --------
    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> bits = torch.randint(2, (2, 600), generator=generator)
    >>> noise = 0.1 * torch.randn(2, 600, 3, generator=generator)
    >>> a, b = bits[..., None] + noise
    >>> result = estimate({"a": a, "b": b}, bits[0] ^ bits[1], intervals=False)
    >>> round(result.against_rest["a"]["synergy"].value, 1)
    1.0
    """
    check_arrays(embeddings, y, groups)
    if len(y) < LEAST_SAMPLES:
        raise ValueError(f"got {len(y)} samples; expected at least {LEAST_SAMPLES}")
    run = _Run.start(embeddings, y, groups, seed, state)
    models = _fit_all(run)
    sources = {name: _source(model, run) for name, model in models.items()}
    names = list(run.modalities)
    warnings = check_samples(len(y), run.labels.count)
    nulls = _nulls(run, models) if intervals or len(names) == 1 else {}
    pairs, pair_warnings = _estimate_pairs(run, sources, nulls, solver)
    if warnings:
        pairs = {key: widened(pair, run.most) for key, pair in pairs.items()}
    return _gathered(run, models, sources, pairs, (*warnings, *pair_warnings), nulls)


@dataclass(frozen=True)
class _Run:
    """The arrays of one estimate in their canonical order."""

    modalities: dict[str, ModalityFeatures]
    labels: Labels
    folds: Folds
    groups: Tensor | None
    seed: int
    kept: dict[str, dict[str, list[float]]]
    age: int

    @staticmethod
    def start(
        embeddings: Mapping[str, Tensor],
        y: Tensor,
        groups: Tensor | None,
        seed: int,
        state: State | None,
    ) -> _Run:
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed)).to(y.device)
        labels = checked_labels(y, order)
        folds = make_folds(labels.y, groups, order)
        modalities = {
            name: ModalityFeatures(standardised(name, embeddings[name]), order, generator_of(seed))
            for name in sorted(embeddings)
        }
        fresh = state is None or state.age + 1 >= RENEW
        kept, age = ({}, 0) if fresh or state is None else (state.kept, state.age + 1)
        return _Run(modalities, labels, folds, groups, seed, kept, age)

    @property
    def most(self) -> float:
        """What no information exceeds, in bits."""
        return float(self.labels.entropy_limit) * BITS

    def generator(self) -> torch.Generator:
        return generator_of(self.seed)


def generator_of(seed: int) -> torch.Generator:
    """A generator that depends on the seed alone: sources are treated alike in any order."""
    return torch.Generator().manual_seed(seed)


def _pairs(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(source 1, source 2, both) of every decomposition; joint sources are `a+b`."""
    if len(names) == 1:
        return []
    if len(names) == 2:
        return [(names[0], names[1], ALL)]
    rests = [(m, "+".join(n for n in names if n != m), ALL) for m in names]
    return rests + [(a, b, f"{a}+{b}") for a, b in combinations(names, 2)]


def _fit_all(run: _Run) -> dict[str, LabelModel]:
    names = list(run.modalities)
    models = {
        m: unimodal_model(
            run.modalities[m], run.labels, run.folds, run.generator(), run.kept.get(m) or None
        )
        for m in names
    }
    wanted = {s: tuple(s.split("+")) for row in _pairs(names) for s in row[1:] if "+" in s}
    if len(names) > 1:
        wanted[ALL] = tuple(names)
    for source, members in wanted.items():
        models[source] = joint(
            {m: run.modalities[m] for m in members},
            {m: models[m] for m in members},
            run.labels,
            run.folds,
            run.generator(),
            run.kept.get(source) or None,
        )
    return models


def _source(model: LabelModel, run: _Run) -> SourceModel:
    """Held-out information, with what the learning curve says larger samples would add."""
    refined, held_out = model.gains(run.labels)
    missing = run.folds.extrapolation * (held_out[0] - held_out[1])
    lower = held_out[0].mean()
    information = refined.mean() + missing.mean().clamp(min=0.0)
    information = information.clamp(min=0.0).minimum(run.labels.entropy)
    pointwise = torch.where(missing.mean() > 0, refined + missing, refined)
    added = (information - lower.clamp(min=0.0)).clamp(min=0.0)
    whole, half = model.held_out
    unsteady = run.folds.extrapolation * (whole * (whole / half).log()).sum(-1).mean()
    added = added.maximum(unsteady) + model.unclear
    return SourceModel(model.p[0], information, pointwise, added, lower)


def _nulls(run: _Run, models: dict[str, LabelModel]) -> dict[str, Tensor]:
    """By source, the largest scores of the true and the shuffled labels."""
    drawn = shuffled_labels(run.labels, run.folds, run.groups, run.generator())
    nulls = {name: largest_scores(model.scores, drawn) for name, model in models.items()}
    alone = {m: nulls[m] for m in run.modalities}
    for name in nulls.keys() - alone.keys():  # a model of several has those of each as candidates
        members = alone if name == ALL else {m: alone[m] for m in name.split("+")}
        nulls[name] = torch.stack([nulls[name], *members.values()]).amax(0)
    return nulls


def _estimate_pairs(
    run: _Run, sources: dict[str, SourceModel], nulls: dict[str, Tensor], solver: Solver | None
) -> tuple[dict[str, PosteriorPair], tuple[str, ...]]:
    rows = _pairs(list(run.modalities))
    three = {row: (sources[row[0]], sources[row[1]], sources[row[2]]) for row in rows}
    solved = {r: pair_information(three[r], run.labels, run.generator(), solver) for r in rows}
    # All decompositions of everything share its information.
    most = max((p.values[JOINT] for r, p in solved.items() if r[2] == ALL), default=None)
    pairs: dict[str, PosteriorPair] = {}
    warnings: list[str] = []
    for row, pair in solved.items():
        if row[2] == ALL and most is not None:
            pair = pair.with_joint(most)
        shuffled = Nulls.of([nulls[s] for s in row], len(run.labels.y)) if nulls else None
        result = estimate_pair(pair, run.groups, run.most, shuffled)
        warnings += check_cells(row, pair, three[row])
        if nulls:
            coarse = pair_information(three[row], run.labels, run.generator(), solver, halved=True)
            warnings += check_halved(row, result, coarse)
        pairs[f"{row[0]}/{row[1]}"] = result
    return pairs, tuple(dict.fromkeys(warnings))


def _gathered(
    run: _Run,
    models: dict[str, LabelModel],
    sources: dict[str, SourceModel],
    pairs: dict[str, PosteriorPair],
    warnings: tuple[str, ...],
    nulls: dict[str, Tensor],
) -> PosteriorEstimate:
    names = list(run.modalities)
    rests = dict(zip(names, [f"{r[0]}/{r[1]}" for r in _pairs(names)], strict=False))
    against = {m: pairs[key] for m, key in rests.items()}
    if len(names) == 2:
        against[names[1]] = swapped(pairs[rests[names[0]]])
    if len(names) == 1:
        only = sources[names[0]]
        shuffled = Nulls.of([nulls[names[0]]] * 3, len(run.labels.y))
        alone = estimate_source(only, run.groups, run.most, shuffled)
        if check_samples(len(run.labels.y), run.labels.count):
            alone = alone._replace(low=0.0, high=max(alone.value, run.most))
        mi, joint_mi = {names[0]: alone}, alone
    else:
        mi = {m: against[m]["mi1"] for m in names}
        joint_mi = against[names[0]]["joint_mi"]
    listed = [*names, ALL] if len(names) > 1 else names
    return PosteriorEstimate(
        mi,
        joint_mi,
        against,
        {k: v for k, v in pairs.items() if k not in rests.values()},
        {s: float(sources[s].lower) * BITS for s in listed},
        {s: m.leading for s, m in models.items()},
        float(run.labels.entropy) * BITS,
        len(run.labels.y),
        run.labels.count,
        max((p.gap for p in pairs.values()), default=0.0),
        warnings,
        State({s: m.kept for s, m in models.items()}, run.age),
    )
