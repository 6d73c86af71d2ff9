"""The posterior estimate as a probe: a Diagnosis of embeddings, and what the next one needs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor

from fusion_sched.pid import Solver
from fusion_sched.probe.assemble import (
    competitive_strength,
    error_quadrants,
    linear_log_ratio,
    mean_of,
    means_by_class,
)
from fusion_sched.probe.checks import check_schedule, check_seed
from fusion_sched.probe.posterior.estimate import LEAST_SAMPLES, PosteriorEstimate, State, estimate
from fusion_sched.probe.posterior.intervals import (
    ATOMS,
    PARTS,
    PosteriorPair,
    change,
    swapped,
)
from fusion_sched.types import RHYTHM, Diagnosis, Estimate, ProbeInputs

CHANGES = ("redundancy", "synergy", "joint_mi", "log_ratio")
CANDIDATES = "candidates"
COUNT = "diagnoses"


@dataclass(frozen=True)
class PosteriorProbe:
    """Estimates the information in embeddings through cross-fitted posteriors of the label.

    ``every``: epochs between two diagnoses in stage 1; ``joint_every``: in stage 2, whose last
    epoch is always diagnosed. ``samples``: at most that many, a fixed class-stratified choice.
    ``source``: ``train`` (without augmentation), ``held_out`` (at most a fifth of train, not
    trained on), ``validation`` or ``both`` (``train``, and ``validation`` beside it).
    ``checks_every``: diagnoses from one with null levels, p-values and the check of the cells to
    the next, besides those where `ProbeInputs.checks` asks for them; intervals are always there.
    ``solver``: ``own`` solves I* to 5e-3 bits, which is below
    what samples tell, ``run`` by the solver of the run. ``seed``: of folds, landmarks and shuffles.
    """

    on_device: ClassVar[bool] = True
    last_epoch: ClassVar[bool] = True

    every: int = 1
    joint_every: int = 5
    samples: int = 1280
    source: str = "both"
    checks_every: int = 5
    solver: str = "own"
    seed: int = 0

    def __post_init__(self) -> None:
        check_schedule(self.every, self.joint_every, self.samples, self.source)
        if self.samples < LEAST_SAMPLES:
            raise ValueError(f"samples={self.samples}, expected at least {LEAST_SAMPLES}")
        if self.checks_every < 1:
            raise ValueError(f"checks_every={self.checks_every}, expected at least 1 diagnosis")
        if self.solver not in ("own", "run"):
            raise ValueError(f"solver is {self.solver!r}, expected 'own' or 'run'")
        check_seed(self.seed)

    def diagnose(
        self, inputs: ProbeInputs, solver: Solver | None, state: Mapping[str, Tensor]
    ) -> tuple[Diagnosis, dict[str, Tensor]]:
        """Estimate, in bits, what the embeddings tell of the label.

        `state` is what the last call returned, or empty. `solver` is that of the run.
        """
        started = time.perf_counter()
        checks = self._checks_made(inputs.checks, int(state.get(COUNT, 0)))
        result = estimate(
            inputs.embeddings,
            inputs.y,
            groups=inputs.groups,
            seed=self.seed,
            intervals=checks is not None,
            solver=solver if self.solver == "run" else None,
            state=_recalled_state(state),
        )
        changes = _changes(result, _recalled_pairs(state, inputs.y.device), list(inputs.embeddings))
        diagnosis = _diagnosis(result, inputs, changes)
        memory = _remembered(result) | {COUNT: state.get(COUNT, torch.tensor(0)) + 1}
        seconds = {"estimate": time.perf_counter() - started}
        return replace(diagnosis, checks=checks, seconds=seconds), memory

    def _checks_made(self, wanted: str | None, earlier: int) -> str | None:
        """Why this diagnosis has checks, after so many earlier ones."""
        if self.checks_every == 1 or (wanted == RHYTHM and earlier % self.checks_every == 0):
            return RHYTHM
        return None if wanted == RHYTHM else wanted


def _diagnosis(
    result: PosteriorEstimate, inputs: ProbeInputs, changes: dict[str, Estimate]
) -> Diagnosis:
    names = list(inputs.embeddings)
    against, several = result.against_rest, len(names) > 1
    between = _between(result, names)
    cells = {m: against[m].cells[0] if several else 1 for m in names}
    return Diagnosis(
        unique={m: against[m]["unique1"] if several else result.mi[m] for m in names},
        mi={m: result.mi[m] for m in names},
        ecs={m: competitive_strength(result.mi[m], result.label_entropy) for m in names},
        joint_mi=result.joint_mi,
        label_entropy=result.label_entropy,
        samples=result.samples,
        clusters=cells,
        samples_per_cell=result.samples / (max(cells.values()) * result.classes),
        gap=result.gap,
        redundancy=mean_of([against[m]["redundancy"] for m in names]) if several else None,
        synergy=mean_of([against[m]["synergy"] for m in names]) if several else None,
        log_ratio={key: ratio for key, (_, ratio) in between.items()},
        difference={key: difference for key, (difference, _) in between.items()},
        ecs_log_ratio={
            f"{a}/{b}": linear_log_ratio(result.mi[a], result.mi[b])
            for a, b in combinations(names, 2)
        },
        change=changes,
        pairs={
            f"{a}/{b}": {n: _pair(result, a, b)[n] for n in ATOMS}
            for a, b in combinations(names, 2)
            if len(names) > 2
        },
        quadrants=error_quadrants(inputs.predictions, inputs.y),
        class_unique=_class_unique(against, inputs.y),
        winner=_winner(result, names),
        lower=result.lower,
        models=result.models,
        warnings=result.warnings,
    )


def _class_unique(
    against_rest: Mapping[str, PosteriorPair], y: Tensor
) -> dict[str, dict[str, float]]:
    """Modality → class → uniqueness per sample; weighted by class shares they sum to it."""
    labels, shares = y.cpu().numpy(), {}
    for name, pair in against_rest.items():
        part = pair.pointwise @ pair.pointwise.new_tensor(PARTS["unique1"])
        part += pair["unique1"].value - part.mean()
        shares[name] = means_by_class(part.cpu().numpy(), labels)
    return shares


def _pair(result: PosteriorEstimate, one: str, two: str) -> PosteriorPair:
    key = f"{one}/{two}"
    return result.pairs[key] if key in result.pairs else swapped(result.pairs[f"{two}/{one}"])


def _between(result: PosteriorEstimate, names: list[str]) -> dict[str, tuple[Estimate, Estimate]]:
    """U_a - U_b and ln(U_a / U_b) of every pair of modalities."""
    if len(names) == 2:
        pair = result.against_rest[names[0]]
        return {"/".join(names): (pair["unique_difference"], pair["log_ratio"])}
    between = {}
    for a, b in combinations(names, 2):
        one, two = result.against_rest[a], result.against_rest[b]
        step = change(two, one, "unique1")
        between[f"{a}/{b}"] = (step, linear_log_ratio(one["unique1"], two["unique1"]))
    return between


def _winner(result: PosteriorEstimate, names: list[str]) -> str | None:
    """Whose information is largest, unless the second may be as large."""
    if len(names) == 1:
        return names[0]
    best, second = sorted(names, key=lambda m: -result.mi[m].value)[:2]
    pair = result.against_rest[best] if len(names) == 2 else _pair(result, best, second)
    return best if pair["unique_difference"].interval[0] > 0 else None


def _changes(
    result: PosteriorEstimate, before: Mapping[str, PosteriorPair], names: list[str]
) -> dict[str, Estimate]:
    """What differs from the last diagnosis."""
    known = {m: p for m, p in result.against_rest.items() if m in before}
    steps = {f"unique {m}": change(before[m], p, "unique1") for m, p in known.items()}
    if len(names) == 2 and names[0] in known:
        steps |= {q: change(before[names[0]], known[names[0]], q) for q in CHANGES}
    return steps


def _remembered(result: PosteriorEstimate) -> dict[str, Tensor]:
    """State and estimates as tensors, which a checkpoint takes."""
    state = json.dumps({"kept": result.state.kept, "age": result.state.age})
    memory = {CANDIDATES: torch.tensor(list(state.encode()), dtype=torch.uint8)}
    for name, pair in result.against_rest.items():
        rows = [[math.nan if x is None else x for x in m] for m in pair.measures.values()]
        memory[f"measures of {name}"] = torch.tensor(rows, dtype=torch.float64)
        memory[f"pointwise of {name}"] = pair.pointwise.cpu()
        memory[f"doubt of {name}"] = pair.doubt.cpu()
    return memory


def _recalled_state(memory: Mapping[str, Tensor]) -> State | None:
    if CANDIDATES not in memory:
        return None
    return State(**json.loads(bytes(memory[CANDIDATES].tolist())))


def _recalled_pairs(memory: Mapping[str, Tensor], device: torch.device) -> dict[str, PosteriorPair]:
    pairs = {}
    for key, rows in memory.items():
        if not key.startswith("measures of "):
            continue
        name = key.removeprefix("measures of ")
        measures = {
            quantity: Estimate(*row[:4], *(None if math.isnan(x) else x for x in row[4:]))
            for quantity, row in zip((*PARTS, "log_ratio"), rows.tolist(), strict=True)
        }
        pointwise, doubt = (memory[f"{k} of {name}"].to(device) for k in ("pointwise", "doubt"))
        pairs[name] = PosteriorPair(measures, pointwise, doubt, 0.0, ())
    return pairs
