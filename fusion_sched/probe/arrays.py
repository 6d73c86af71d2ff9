"""From arrays of any kind to a diagnosis: which estimator serves them, and on which samples."""

from collections.abc import Mapping
from dataclasses import replace
from math import log2
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fusion_sched.pid import FastPID, Solver
from fusion_sched.probe.cells import joint_codes
from fusion_sched.probe.checks import LEAST_DISTINCT, checked_array, checked_symbols
from fusion_sched.probe.kmeans import KMeansProbe
from fusion_sched.probe.posterior import PosteriorProbe
from fusion_sched.probe.posterior.nulls import SHUFFLES
from fusion_sched.types import Diagnosis, Estimate, ProbeInputs

PROBES = ("posterior", "kmeans")
FILLED, FILLED_ALONE = 0.5, 2.0
"""Samples per cell from which symbols are estimated as a table: with all others, and alone."""
MOST_SYMBOLS = 256
"""Indicator columns of one modality of symbols."""


class ArrayDiagnosis(NamedTuple):
    """A diagnosis and the contributions of the samples `rows` (n,) to it.

    `pointwise[m]` (n, 4): parts of I(X_m;Y), I(rest;Y), I(all;Y) and I* in bits. `least_p`: the
    smallest p-value that the label shuffles can give.
    """

    diagnosis: Diagnosis
    pointwise: dict[str, Tensor]
    rows: Tensor
    least_p: float


def diagnose_arrays(
    modalities: Mapping[str, Any],
    y: Any,
    groups: Any = None,
    *,
    probe: str,
    samples: int | None,
    tables: KMeansProbe,
    solver: Solver | None = None,
) -> ArrayDiagnosis:
    """Diagnose modalities, each either symbols or measurements; see `fusion_sched.diagnose`."""
    _check_request(modalities, probe, samples)
    inputs, notes = _inputs(modalities, y, groups)
    symbols = all(values.ndim == 1 for values in inputs.embeddings.values())
    if probe == "kmeans" or (symbols and inputs.groups is None and _filled(inputs)):
        _check_k_means(inputs)
        return _by_tables(inputs, tables, samples, solver or FastPID(), notes)
    if tables != KMeansProbe(seed=tables.seed):
        raise ValueError(
            "clusters, bias, resamples and shuffles are settings of k-means and of tables of "
            "symbols, and these arrays go to cross-fitted posteriors; add probe='kmeans', or leave "
            "them out"
        )
    inputs, rows, shortened = _shortened(inputs, samples, tables.seed)
    embeddings = {m: v if v.ndim == 2 else one_hot(v) for m, v in inputs.embeddings.items()}
    posterior = PosteriorProbe(seed=tables.seed)
    diagnosis, memory = posterior.diagnose(inputs._replace(embeddings=embeddings), solver, {})
    return _gathered(diagnosis, memory, rows, 1 / (1 + SHUFFLES), (*notes, *shortened))


def one_hot(codes: Tensor) -> Tensor:
    """Indicators (N, values) of symbols; all beyond the most frequent 255 share one."""
    order = torch.bincount(codes).argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=codes.device)
    return torch.nn.functional.one_hot(rank[codes].clamp(max=MOST_SYMBOLS - 1)).double()


def _check_request(modalities: Mapping[str, Any], probe: str, samples: int | None) -> None:
    if not modalities:
        raise ValueError("no modality was given, expected at least one array besides y")
    if any("/" in name for name in modalities):
        raise ValueError(f"modalities are called {list(modalities)}; names must not hold a slash")
    if probe not in PROBES:
        raise ValueError(f"probe is {probe!r}, expected one of {list(PROBES)}")
    if samples is not None and samples < LEAST_DISTINCT:
        raise ValueError(f"samples is {samples}, expected at least {LEAST_DISTINCT}, or None")


def _inputs(
    modalities: Mapping[str, Any], y: Any, groups: Any
) -> tuple[ProbeInputs, tuple[str, ...]]:
    """All arrays as tensors on the device of the first tensor, and remarks on what they hold."""
    tensors = [v for v in (*modalities.values(), y) if isinstance(v, Tensor)]
    device = tensors[0].device if tensors else torch.device("cpu")
    labels = checked_symbols("y", y).to(device)
    ids = None if groups is None else checked_symbols("groups", groups).to(device)
    if ids is not None and len(ids) != len(labels):
        raise ValueError(f"groups has {len(ids)} ids but y has {len(labels)} labels")
    arrays, notes = {}, []
    for name, values in modalities.items():
        arrays[name], remark = checked_array(name, values, len(labels))
        notes += [remark] if remark else []
    return ProbeInputs({m: v.to(device) for m, v in arrays.items()}, {}, labels, ids), tuple(notes)


def _filled(inputs: ProbeInputs) -> bool:
    """Whether the tables of each modality with the label, and with all others, are filled."""
    columns = {m: v.cpu().numpy() for m, v in inputs.embeddings.items()}
    per_class = len(inputs.y) / (int(inputs.y.max()) + 1)
    for name, column in columns.items():
        own = int(column.max()) + 1
        others = [c for m, c in columns.items() if m != name]
        rest = int(joint_codes(others).max()) + 1 if others else 1
        if per_class < max(FILLED_ALONE * own, FILLED * own * rest):
            return False
    return True


def _check_k_means(inputs: ProbeInputs) -> None:
    if inputs.groups is not None:
        raise ValueError("groups are held out by probe='posterior' alone; leave out probe='kmeans'")
    for name, values in inputs.embeddings.items():
        if values.ndim == 2 and values.shape[1] == 1:
            raise ValueError(
                f"{name} has one number per sample, and k-means compares directions, of which one "
                "number has none; leave out probe='kmeans', or pass symbols"
            )


def _by_tables(
    inputs: ProbeInputs,
    tables: KMeansProbe,
    samples: int | None,
    solver: Solver,
    notes: tuple[str, ...],
) -> ArrayDiagnosis:
    symbols = all(values.ndim == 1 for values in inputs.embeddings.values())
    inputs, rows, shortened = _shortened(inputs, None if symbols else samples, tables.seed)
    on_cpu = ProbeInputs({m: v.cpu() for m, v in inputs.embeddings.items()}, {}, inputs.y.cpu())
    diagnosis, memory = tables.diagnose(on_cpu, solver, {})
    diagnosis = _at_most(diagnosis, log2(int(inputs.y.max()) + 1))
    return _gathered(diagnosis, memory, rows, 1 / (1 + tables.shuffles), (*notes, *shortened))


def _at_most(diagnosis: Diagnosis, most: float) -> Diagnosis:
    """End the intervals of information at what the classes can hold, in bits."""

    def ended(estimate: Estimate | None) -> Any:
        return estimate and estimate._replace(
            low=min(estimate.interval[0], most), high=min(estimate.interval[1], most)
        )

    return replace(
        diagnosis,
        unique={m: ended(e) for m, e in diagnosis.unique.items()},
        mi={m: ended(e) for m, e in diagnosis.mi.items()},
        joint_mi=ended(diagnosis.joint_mi),
        redundancy=ended(diagnosis.redundancy),
        synergy=ended(diagnosis.synergy),
        pairs={
            pair: {atom: ended(e) for atom, e in atoms.items()}
            for pair, atoms in diagnosis.pairs.items()
        },
    )


def _shortened(
    inputs: ProbeInputs, samples: int | None, seed: int
) -> tuple[ProbeInputs, Tensor, tuple[str, ...]]:
    """At most so many samples, in their order; classes in proportion or groups whole."""
    total = len(inputs.y)
    if samples is None or samples >= total:
        return inputs, torch.arange(total, device=inputs.y.device), ()
    rows = _chosen(inputs, samples, seed)
    groups = None if inputs.groups is None else inputs.groups[rows]
    chosen = {m: v[rows] for m, v in inputs.embeddings.items()}
    note = (
        f"{len(rows):,} of {total:,} samples, chosen at random, are used; ask for more or for all"
    )
    return ProbeInputs(chosen, {}, inputs.y[rows], groups), rows, (f"{note} by `samples`",)


def _chosen(inputs: ProbeInputs, samples: int, seed: int) -> Tensor:
    generator, y = torch.Generator().manual_seed(seed), inputs.y
    if inputs.groups is None:
        order = torch.randperm(len(y), generator=generator).to(y.device)
        by_class = order[torch.argsort(y[order], stable=True)]
        place = torch.arange(samples, device=y.device) * len(y) // samples
        return by_class[place].sort().values
    sizes = torch.bincount(inputs.groups)
    order = torch.randperm(len(sizes), generator=generator).to(y.device)
    before = sizes[order].cumsum(0) - sizes[order]
    return torch.isin(inputs.groups, order[before < samples]).nonzero()[:, 0]


def _gathered(
    diagnosis: Diagnosis,
    memory: Mapping[str, Tensor],
    rows: Tensor,
    least_p: float,
    notes: tuple[str, ...],
) -> ArrayDiagnosis:
    pointwise = {
        m: memory[f"pointwise of {m}"].cpu()
        for m in diagnosis.unique
        if f"pointwise of {m}" in memory
    }
    warned = replace(diagnosis, warnings=(*notes, *diagnosis.warnings))
    return ArrayDiagnosis(warned, pointwise, rows.cpu(), least_p)
