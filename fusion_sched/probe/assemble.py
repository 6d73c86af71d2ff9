"""From the estimates of pairs to one Diagnosis: means, ratios, change, error quadrants."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod

import numpy as np
import torch
from torch import Tensor

from fusion_sched.estimation import PairEstimate, change
from fusion_sched.pid import joint_from_labels
from fusion_sched.pid.chunks import MAX_CELLS
from fusion_sched.pid.decomposition import decompose_sources
from fusion_sched.types import Diagnosis, Estimate, ProbeInputs

ATOMS = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")
QUANTITIES = (*ATOMS, "unique_difference", "log_ratio")
NORMAL_95 = 1.96
LEAST = 1e-3
"""Bits that information counts as at least before its logarithm is taken."""

PairEstimates = Mapping[str, PairEstimate]


def assemble(
    estimates: PairEstimates,
    clusters: Mapping[str, np.ndarray],
    labels: np.ndarray,
    inputs: ProbeInputs,
    state: Mapping[str, Tensor],
    seconds: Mapping[str, float],
) -> tuple[Diagnosis, dict[str, Tensor]]:
    """Return the diagnosis, and what the next one needs to tell the change.

    `estimates` holds, by modality name, each modality against the rest (with two modalities only
    the first), and by `a/b` each pair of three or more.
    """
    names = list(clusters)
    against_rest = {m: e for m, e in estimates.items() if m in names}
    rows = list(against_rest.values())
    unique, mi = by_modality(against_rest, names)
    several = len(names) > 1
    counts = np.bincount(labels) / len(labels)
    entropy = float(-(counts[counts > 0] * np.log2(counts[counts > 0])).sum())
    diagnosis = Diagnosis(
        unique=unique,
        mi=mi,
        ecs={m: competitive_strength(value, entropy) for m, value in mi.items()},
        joint_mi=mean_of([e.joint_mi for e in rows]),
        label_entropy=entropy,
        samples=len(labels),
        clusters={m: int(ids.max()) + 1 for m, ids in clusters.items()},
        samples_per_cell=min(e.samples_per_cell for e in rows),
        gap=max(e.gap for e in estimates.values()),
        redundancy=mean_of([e.redundancy for e in rows]) if several else None,
        synergy=mean_of([e.synergy for e in rows]) if several else None,
        log_ratio=log_ratios(against_rest, unique, names),
        difference=differences(against_rest, unique, names),
        ecs_log_ratio={
            f"{a}/{b}": linear_log_ratio(mi[a], mi[b]) for a, b in combinations(names, 2)
        },
        change=changes(against_rest, names, state),
        pairs={name: pair_atoms(e) for name, e in estimates.items() if name not in names},
        union_mi=union_information(clusters, labels) if len(names) > 2 else None,
        quadrants=error_quadrants(inputs.predictions, inputs.y),
        class_unique=class_uniqueness(against_rest, names, inputs.y.numpy()),
        winner=predicted_winner(against_rest, mi, names),
        warnings=tuple(sorted({e.warning for e in rows if e.warning is not None})),
        seconds=dict(seconds),
    )
    return diagnosis, remembered(against_rest)


def by_modality(
    estimates: PairEstimates, names: Sequence[str]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Return each modality's uniqueness and information."""
    unique = {m: e.unique1 for m, e in estimates.items()}
    mi = {m: e.mi1 for m, e in estimates.items()}
    if len(names) == 2:
        pair = estimates[names[0]]
        unique[names[1]], mi[names[1]] = pair.unique2, pair.mi2
    return unique, mi


def mean_of(values: Sequence[Estimate]) -> Estimate:
    """Return the mean; its interval is the mean of the intervals, as for fully correlated errors.

    That is exact for one and too wide for several, whose errors partly cancel.
    """
    columns = zip(*values, strict=True)
    known = [[x for x in column if x is not None] for column in columns]
    means = [sum(column) / len(column) if column else None for column in known]
    value, low, high, se, null, _ = means
    assert value is not None, "every estimate has a value"
    return Estimate(value, low, high, se, null, max(known[5], default=None))


def competitive_strength(mi: Estimate, label_entropy: float) -> Estimate:
    """Return the proxy of a modality's effective competitive strength (ECS), between 0 and 1.

    Definition (arXiv 2509.20840): ECS is a product of a weight's alignment with its class feature
    and of the data's signal strength, and cannot be computed in deep networks; the paper proves
    mutual information a proxy for it. Our choice: to divide I(X_m; Y) by H(Y), so that tasks with
    different numbers of classes compare; it changes no order and no ratio.
    """
    if label_entropy == 0:
        return Estimate(0.0, 0.0, 0.0, 0.0)
    return Estimate(
        value=mi.value / label_entropy,
        low=mi.interval[0] / label_entropy,
        high=mi.interval[1] / label_entropy,
        se=mi.standard_error / label_entropy,
        null=None if mi.null is None else mi.null / label_entropy,
        p=mi.p,
    )


def log_ratios(
    estimates: PairEstimates, unique: Mapping[str, Estimate], names: Sequence[str]
) -> dict[str, Estimate]:
    """Return ln(U_a / U_b) for every pair.

    With two modalities it is estimated with the pair; among more, the errors of two uniquenesses
    are taken as independent and the logarithm as linear.
    """
    if len(names) == 2:
        return {"/".join(names): estimates[names[0]].log_ratio}
    pairs = combinations(names, 2)
    return {f"{a}/{b}": linear_log_ratio(unique[a], unique[b]) for a, b in pairs}


def linear_log_ratio(first: Estimate, second: Estimate) -> Estimate:
    """Return ln(first / second) with independent errors, each counted as at least 0.001 bit."""
    a, b = max(first.value, LEAST), max(second.value, LEAST)
    value, error = (
        float(np.log(a / b)),
        float(np.hypot(first.standard_error / a, second.standard_error / b)),
    )
    # What counts as 0.001 bit at least has no ratio beyond this.
    limit = float(np.log(max(a, b, 1.0) / LEAST))
    low, high = value - NORMAL_95 * error, value + NORMAL_95 * error
    return Estimate(value, max(low, -limit), min(high, limit), error)


def differences(
    estimates: PairEstimates, unique: Mapping[str, Estimate], names: Sequence[str]
) -> dict[str, Estimate]:
    """Return U_a - U_b for every pair, with two modalities estimated with the pair."""
    if len(names) == 2:
        return {"/".join(names): estimates[names[0]].unique_difference}
    return {
        f"{a}/{b}": independent_difference(unique[a], unique[b]) for a, b in combinations(names, 2)
    }


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return first - second, whose errors are taken as independent."""
    value = first.value - second.value
    error = float(np.hypot(first.standard_error, second.standard_error))
    return Estimate(value, value - NORMAL_95 * error, value + NORMAL_95 * error, error)


def difference_of_readings(first: Estimate, second: Estimate) -> Estimate:
    """Return first - second of independent samples, whose intervals need not be symmetric.

    The distances of the ends add as squares (Zou and Donner, 2008), so that the interval is as wide
    as those of too few samples are.
    """
    value = first.value - second.value
    (low, high), (least, most) = first.interval, second.interval
    return Estimate(
        value,
        value - float(np.hypot(first.value - low, most - second.value)),
        value + float(np.hypot(high - first.value, second.value - least)),
        float(np.hypot(first.standard_error, second.standard_error)),
    )


def predicted_winner(
    estimates: PairEstimates, mi: Mapping[str, Estimate], names: Sequence[str]
) -> str | None:
    """Return who wins joint training by the ratio of ECS, unless the runner-up may as well."""
    if len(names) == 1:
        return names[0]
    best, second = sorted(names, key=lambda m: -mi[m].value)[:2]
    if len(names) == 2:
        difference = estimates[names[0]].unique_difference  # = I(X_1; Y) - I(X_2; Y)
        decided = difference.excludes_zero()
    else:
        gap = mi[best].value - mi[second].value
        decided = gap > NORMAL_95 * float(
            np.hypot(mi[best].standard_error, mi[second].standard_error)
        )
    return best if decided else None


def remembered(estimates: PairEstimates) -> dict[str, Tensor]:
    """Return the estimates as tensors, for the next probe's ``changes``."""
    kept: dict[str, Tensor] = {}
    for name, estimate in estimates.items():
        rows = [getattr(estimate, q) for q in QUANTITIES]
        kept[f"quantities of {name}"] = torch.tensor(rows, dtype=torch.float64)
        kept[f"pointwise of {name}"] = torch.as_tensor(np.ascontiguousarray(estimate.pointwise))
    return kept


def recalled(state: Mapping[str, Tensor], name: str) -> PairEstimate | None:
    """Return the last probe's estimate of this name, as far as ``change`` looks at it."""
    rows = state.get(f"quantities of {name}")
    if rows is None:
        return None
    quantities = {q: Estimate(*row) for q, row in zip(QUANTITIES, rows.tolist(), strict=True)}
    pointwise = state[f"pointwise of {name}"].numpy()
    return PairEstimate(
        **quantities, samples=len(pointwise), shape=(1, 1, 1), gap=0.0, warning=None,
        pointwise=pointwise,
    )  # fmt: skip


def changes(
    estimates: PairEstimates, names: Sequence[str], state: Mapping[str, Tensor]
) -> dict[str, Estimate]:
    """Return what differs from the last probe: ``unique NAME``, ``synergy`` and so on."""
    result: dict[str, Estimate] = {}
    for number, (name, now) in enumerate(estimates.items()):
        before = recalled(state, name)
        if before is None:
            continue
        wanted = {f"unique {name}": "unique1"}
        if len(names) == 2:
            wanted[f"unique {names[1]}"] = "unique2"
        if number == 0 and len(names) <= 2:
            wanted |= {"joint_mi": "joint_mi"}
            if len(names) == 2:
                wanted |= {q: q for q in ("redundancy", "synergy", "log_ratio")}
        for label, quantity in wanted.items():
            result[label] = change(before, now, quantity)
    return result


def pair_atoms(estimate: PairEstimate) -> dict[str, Estimate]:
    """Return the atoms and informations of one pair."""
    return {name: getattr(estimate, name) for name in ATOMS}


def union_information(clusters: Mapping[str, np.ndarray], labels: np.ndarray) -> float | None:
    """Return min over Q of I_Q(Y; X_1, …, X_M) under all single-modality marginals, in bits.

    Of the histogram as it is, without correction; ``None`` where the joint has more cells than
    the solver takes.
    """
    columns = [*clusters.values(), labels]
    sizes = [int(column.max()) + 1 for column in columns]
    if prod(sizes) > MAX_CELLS:
        return None
    joint = joint_from_labels(*columns, sizes=sizes)
    return float(decompose_sources(joint, len(clusters)).union)


def error_quadrants(predictions: Mapping[str, Tensor], y: Tensor) -> dict[str, float]:
    """Return shares of samples: every head right, only one (by name), some, none."""
    if not predictions:
        return {}
    right = torch.stack([p == y for p in predictions.values()]).double()
    count = right.sum(dim=0)
    shares = {"all": float((count == len(right)).double().mean())}
    if len(right) > 1:
        for name, row in zip(predictions, right, strict=True):
            shares[f"only {name}"] = float((row * (count == 1)).mean())
    if len(right) > 2:
        shares["some"] = float(((count > 1) & (count < len(right))).double().mean())
    shares["none"] = float((count == 0).double().mean())
    return shares


def class_uniqueness(
    estimates: PairEstimates, names: Sequence[str], labels: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return modality → class → the class's share of the uniqueness, in bits per its sample.

    Means of the pointwise uniqueness over the samples of a class; weighted by the classes' shares
    they sum to the uniqueness of the histogram as it is.
    """
    result = {}
    for name in names:
        if name in estimates:
            mi_other, union = estimates[name].pointwise[:, 1], estimates[name].pointwise[:, 3]
        else:  # the second of two modalities
            pointwise = estimates[names[0]].pointwise
            mi_other, union = pointwise[:, 0], pointwise[:, 3]
        result[name] = means_by_class(union - mi_other, labels)
    return result


def means_by_class(values: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return class → the mean over its samples."""
    return {str(c): float(values[labels == c].mean()) for c in np.unique(labels)}
