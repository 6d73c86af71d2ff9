"""A row of a table: runs that differ by seed and fold alone; its role, its numbers, its name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import fsum, inf
from statistics import fmean
from typing import Any

from fusion_sched.analysis.choices import with_typed_choices
from fusion_sched.analysis.folds import by_fold, fold_of, pooled_f1, split_sizes
from fusion_sched.analysis.runs import result_of
from fusion_sched.analysis.statistics import (
    Difference,
    FoldValues,
    Values,
    difference,
    fold_difference,
    pool_folds,
)
from fusion_sched.analysis.studies import trials_of
from fusion_sched.runlog import Trace, inside
from fusion_sched.runlog.protocol import LATER_KEYS, PLACES, flatten
from fusion_sched.types import FUSED

SECONDS_PER_HOUR = 3600.0
ROLES = {
    "joint": "joint training from scratch",
    "ensemble": "ensemble of unimodal models",
    "fixed": "two stages without diagnostics",
    "single": "best single modality",
    "frozen": "fusion on frozen unimodal encoders",
    "schedule": "schedule",
    "ceiling": "best of the branches on validation",
    "other": "other",
}
"""Values of the key `role` of a configuration, and how tables and sentences name them."""
CEILING = "ceiling"
CEILING_NAME = "all branches, pick on validation"
BRANCHES = ("single", "ensemble", "fixed")
"""Roles without which there is no ceiling."""
OTHER_BRANCHES = ("joint", "frozen")


@dataclass(frozen=True)
class ResultRow:
    """Ended runs that differ by their seed and fold alone, and what is measured of them.

    `expected`: the seeds of the whole table. Numbers are by seed, the mean of runs that share a
    seed; accuracies in percent, `optimism_gap` in points. In a cross-validation a seed's numbers
    are pooled over its folds: accuracy is the share of right answers to all test samples. `folds`:
    how many it has, 0 without one; `by_fold`: accuracy of each ended fold, on `tested` samples.
    `cpu_hours` and `gpu_hours`: wall-clock hours of all runs on either kind of device.
    `peak_memory_bytes`: the largest of the runs, `None` where no trace has it. `difference` and
    `p_holm` are `None` in the reference row.
    """

    name: str
    role: str
    runs: tuple[Trace, ...]
    expected: tuple[int, ...]
    fused: Values
    validation: Values
    macro_f1: Values
    unimodal: dict[str, Values]
    optimism_gap: Values
    unimodal_epochs: Values
    probe_share: Values
    cpu_hours: float
    gpu_hours: float
    peak_memory_bytes: int | None
    folds: int = 0
    by_fold: FoldValues = field(default_factory=dict)
    tested: Mapping[tuple[int, int], int] = field(default_factory=dict)
    difference: Difference | None = None
    p_holm: float | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, that of every run but for seed and fold; the ceiling has none."""
        config: dict[str, Any] = {} if self.role == CEILING else self.runs[0].start["config"]
        return config

    @property
    def search_trials(self) -> int:
        """Trials of the search that chose the settings, 0 for none."""
        return max(trials_of(run.path.parent, run.start["config"]) for run in self.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that have ended."""
        return tuple(sorted({run.start["seed"] for run in self.runs}))

    @property
    def missing(self) -> tuple[int, ...]:
        """The seeds that other rows of the table have and this one has not."""
        return tuple(seed for seed in self.expected if seed not in self.seeds)

    @property
    def missing_folds(self) -> tuple[tuple[int, int], ...]:
        """Seed and fold of what has not ended, of the seeds that this row has."""
        pairs = ((seed, fold) for seed in self.seeds for fold in range(self.folds))
        return tuple(pair for pair in pairs if pair not in self.by_fold)

    def above(self, other: "ResultRow") -> Difference:
        """Return how far this row is above another: seed by seed and, where both have the same
        number of folds, fold by fold.
        """
        paired = None
        if self.folds and self.folds == other.folds:
            samples = {**self.tested, **other.tested}
            paired = fold_difference(self.by_fold, other.by_fold, samples, self.folds)
        return paired or difference(self.fused, other.fused)


def measure_row(name: str, role: str, runs: Sequence[Trace], expected: Sequence[int]) -> ResultRow:
    """Return everything about a row that needs no other row."""
    results = [result_of(run) for run in runs]
    peaks = [r["peak_memory_bytes"] for r in results if "peak_memory_bytes" in r]
    folds = inside(runs[0].start, "facts", "cross_validation", "folds") or 0

    def by_seed(quantity: Callable[[dict[str, Any]], float], split: str = "test") -> Values:
        if folds:
            return pool_folds(by_fold(runs, quantity), split_sizes(runs, split))
        values: dict[int, list[float]] = {}
        for run, result in zip(runs, results, strict=True):
            values.setdefault(run.start["seed"], []).append(quantity(result))
        return {seed: fmean(values[seed]) for seed in sorted(values)}

    def hours(on_cpu: bool) -> float:
        seconds = [
            result["seconds"]["total"]
            for run, result in zip(runs, results, strict=True)
            if run.start["device"].startswith("cpu") == on_cpu
        ]
        return fsum(seconds) / SECONDS_PER_HOUR

    def accuracy(head: str) -> Callable[[dict[str, Any]], float]:
        return lambda result: float(100 * result["test"][head]["accuracy"])

    return ResultRow(
        name=name,
        role=role,
        runs=tuple(runs),
        expected=tuple(expected),
        fused=by_seed(accuracy(FUSED)),
        validation=by_seed(lambda result: 100 * result["validation"][FUSED], "validation"),
        macro_f1=pooled_f1(runs)
        if folds
        else by_seed(lambda result: result["test"][FUSED]["macro_f1"]),
        unimodal={m: by_seed(accuracy(m)) for m in results[0]["test"] if m != FUSED},
        optimism_gap=by_seed(lambda result: 100 * result["optimism_gap"]),
        unimodal_epochs=by_seed(lambda result: result["unimodal_epochs"]),
        probe_share=by_seed(lambda result: result["probe_share"]),
        cpu_hours=hours(on_cpu=True),
        gpu_hours=hours(on_cpu=False),
        peak_memory_bytes=max(peaks, default=None),
        folds=folds,
        by_fold=by_fold(runs, accuracy(FUSED)) if folds else {},
        tested=split_sizes(runs, "test") if folds else {},
    )


def _seed_fold(run: Trace) -> tuple[int, int | None]:
    return run.start["seed"], fold_of(run)


def role_of(config: Mapping[str, Any]) -> str:
    """Return the role that a configuration names, or that its components stand for."""
    role: str = config.get("role") or _role_of_components(config)
    known = [name for name in ROLES if name != CEILING]
    if role not in known:
        raise ValueError(f"role is {role!r}, expected one of {known}, or nothing")
    return role


ROLES_OF_FUSIONS = {
    "Average": "ensemble", "CalibratedEnsemble": "ensemble", "WeightedEnsemble": "ensemble",
    "StackedEnsemble": "ensemble", "BestSingle": "single",
}  # fmt: skip
"""Roles of fusion modules of modalities that train alone."""


def _role_of_components(config: Mapping[str, Any]) -> str:
    """Return the role of a run whose configuration names none, from its controller and balancer.

    A schedule is whatever controller reads a diagnosis or an accuracy.
    """
    if "balancer" not in config:  # a trace from before there were any
        return "other"
    controller, balancer = (_own_class(config, group) for group in ("controller", "balancer"))
    if balancer == "Weighted" and inside(config, "balancer", "fused_weight") == 0:
        return ROLES_OF_FUSIONS.get(_own_class(config, "fusion"), "other")
    if controller not in ("Joint", "Fixed", "Random"):
        return "schedule"
    roles = {
        ("Joint", "Weighted"): "joint", ("Fixed", "Weighted"): "fixed",
        ("Fixed", "Frozen"): "frozen",
    }  # fmt: skip
    return roles.get((controller, balancer), "other")


def ceiling_row(rows: Sequence[ResultRow]) -> ResultRow | None:
    """Return the row of who trains all branches and takes the best on validation.

    That is chosen per seed and fold. A rule that chooses a branch without training them all is
    held against it. Runs that are equally good on validation count by their mean; its hours are
    those of all branches. `None` where a role of `BRANCHES` is missing, or has no seed in common
    with the others.
    """
    branches = [row for row in rows if row.role in (*BRANCHES, *OTHER_BRANCHES)]
    if not set(BRANCHES) <= {row.role for row in branches}:
        return None
    keys = set.intersection(*({_seed_fold(run) for run in row.runs} for row in branches))
    runs = [run for row in branches for run in row.runs if _seed_fold(run) in keys]
    best = dict.fromkeys(keys, -inf)
    for run in runs:
        best[_seed_fold(run)] = max(best[_seed_fold(run)], validation_of(run))
    chosen = [run for run in runs if validation_of(run) == best[_seed_fold(run)]]
    if not chosen:
        return None
    row = measure_row(CEILING_NAME, CEILING, chosen, branches[0].expected)
    return replace(
        row,
        cpu_hours=fsum(branch.cpu_hours for branch in branches),
        gpu_hours=fsum(branch.gpu_hours for branch in branches),
    )


def validation_of(run: Trace) -> float:
    """Return the fused validation accuracy of a run that has ended."""
    accuracy: float = result_of(run)["validation"][FUSED]
    return accuracy


def plainness(config: Mapping[str, Any]) -> tuple[float, bool]:
    """Return a key that sorts rows of joint training: the fused loss alone on `Concat` first."""
    weight = float(config["balancer"].get("unimodal_weight", 0))
    return weight, _own_class(config, "fusion") != "Concat"


def _own_class(config: Mapping[str, Any], group: str) -> str:
    """Return the name of a component's class, empty where it is not known or of this package."""
    target = str(inside(config, group, "_target_"))
    return short_value(target) if target.startswith("fusion_sched.") else ""


CHOICE = "._target_"
NOT_THE_METHOD = {
    "seed", "method", "role", "device", "threads", "workers", "channels_last", "compile",
    *(f"dataset.{place}" for place in PLACES),
}  # fmt: skip
"""Keys by which runs of one row may differ: the seed, the tag, and where and how fast it ran."""


def name_rows(traces: list[Trace]) -> list[str]:
    """Return a name for each run; runs that differ by seed and fold alone have the same one.

    A run tagged by `method` is called so, and further by what not all runs of its tag share; any
    other by what not all runs share.
    """
    configs = [flatten({**LATER_KEYS, **trace.start["config"]}) for trace in traces]
    for config, trace in zip(configs, traces, strict=True):
        if fold_of(trace) is not None:
            config.pop("dataset.fold", None)
    configs = with_typed_choices(configs)
    tags = [config.get("method", "") for config in configs]
    identities: list[tuple[str, ...]] = []
    names: list[str] = []
    labels_by_tag = {
        tag: _label_makers([c for c, t in zip(configs, tags, strict=True) if t == tag or not tag])
        for tag in dict.fromkeys(tags)
    }
    for config, tag in zip(configs, tags, strict=True):
        makers = {key: make for key, make in labels_by_tag[tag].items() if key in config}
        identities.append((tag, *(f"{key}={config[key]}" for key in makers)))
        labels = [make(config[key]) for key, make in makers.items()]
        names.append(" ".join([tag, *labels] if tag else labels) or "all runs")
    return _spell_out_same_names(names, identities)


def _spell_out_same_names(names: list[str], identities: list[tuple[str, ...]]) -> list[str]:
    """Return the names, spelt out wherever different rows would have the same one."""
    rows: dict[str, set[tuple[str, ...]]] = {}
    for name, identity in zip(names, identities, strict=True):
        rows.setdefault(name, set()).add(identity)
    return [
        name if len(rows[name]) == 1 else " ".join(part for part in identity if part)
        for name, identity in zip(names, identities, strict=True)
    ]


def _distinguishing_keys(configs: list[dict[str, str]]) -> list[str]:
    """Return the keys that tell rows apart, choices of a group before settings."""
    seeds = [config["seed"] for config in configs]
    keys = [
        key
        for key in set().union(*configs)
        if key not in NOT_THE_METHOD
        and not key.startswith("tracker.")
        and _varies(key, configs)
        and not _is_run_seed(key, configs, seeds)
    ]
    return _without_followers(sorted(keys, key=lambda key: (not _is_choice(key), key)), configs)


def _without_followers(keys: list[str], configs: list[dict[str, str]]) -> list[str]:
    """Return the keys without settings that only ever change together with the keys that stay."""

    def count_rows(by: list[str]) -> int:
        return len({tuple(config.get(key) for key in by) for config in configs})

    kept = list(keys)
    for key in reversed(keys):
        rest = [other for other in kept if other != key]
        if not _is_choice(key) and count_rows(rest) == count_rows(kept):
            kept = rest
    return kept


def _varies(key: str, configs: list[dict[str, str]]) -> bool:
    """Say whether a key tells runs apart: among runs of the same choice in its group, or, for
    the choice itself, among all.
    """
    group, _, name = key.rpartition(".")
    values: dict[str, set[str]] = {}
    for config in configs:
        choice = "" if name == "_target_" else config.get(f"{group}._target_", "")
        values.setdefault(choice, set()).add(config.get(key, "absent"))
    return any(len(different) > 1 for different in values.values())


def _is_run_seed(key: str, configs: list[dict[str, str]], seeds: list[str]) -> bool:
    """Say whether a component is given the run's seed, so that it differs by nothing else."""
    return key.endswith("seed") and all(
        config.get(key, seed) == seed for config, seed in zip(configs, seeds, strict=True)
    )


def _label_makers(configs: list[dict[str, str]]) -> dict[str, Callable[[str], str]]:
    """By each key that tells rows apart, what makes `PID` of a choice and `drop=0.8` of a setting;
    more of the key where needed.
    """
    keys = _distinguishing_keys(configs)
    all_keys = set().union(*configs)
    values = {
        key: {short_value(c[key]) for c in configs if key in c} for key in keys if _is_choice(key)
    }
    makers: dict[str, Callable[[str], str]] = {}
    for key in keys:
        if _is_choice(key):
            elsewhere = set().union(*(v for other, v in values.items() if other != key))
            makers[key] = partial(_choice_label, key.removesuffix(CHOICE), elsewhere)
        else:
            makers[key] = partial(_setting_label, short_key(key, all_keys))
    return makers


def _is_choice(key: str) -> bool:
    return key.endswith(CHOICE)


def _choice_label(group: str, elsewhere: set[str], value: str) -> str:
    shown = short_value(value)
    return f"{group}={shown}" if shown in elsewhere else shown


def _setting_label(name: str, value: str) -> str:
    return f"{name}={short_value(value)}"


def short_key(key: str, keys: Iterable[str]) -> str:
    """Return the shortest end of a dotted key that no other key of a configuration has."""
    parts = key.split(".")
    ends = [".".join(parts[i:]) for i in reversed(range(len(parts)))]
    others = [f".{other}" for other in keys if other != key]
    return next(end for end in ends if not any(o.endswith(f".{end}") for o in others))


def short_value(value: str) -> str:
    """Return the class name of a dotted path, any other value as it is."""
    return value.rsplit(".", 1)[-1] if value.replace(".", "").isidentifier() else value
