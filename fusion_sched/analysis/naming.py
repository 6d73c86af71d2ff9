"""What a row of runs is called: its method's tag, and what of its configuration is its own."""

from collections.abc import Iterable

from fusion_sched.runlog import Trace
from fusion_sched.runlog.protocol import PLACES, flatten

CHOICE = "._target_"
NOT_THE_METHOD = {
    "seed", "method", "device", "threads", "workers", "channels_last", "compile",
    *(f"dataset.{place}" for place in PLACES),
}  # fmt: skip
"""Keys by which runs of one row may differ: the seed, the tag, and where and how fast it ran."""


def name_rows(traces: list[Trace]) -> list[str]:
    """Return a name for each run; runs that differ by their seed alone have the same one.

    A run tagged by ``method`` is called so, and further by what not all runs of its tag share; any
    other by what not all runs share.
    """
    configs = [flatten(trace.start["config"]) for trace in traces]
    tags = [config.get("method", "") for config in configs]
    identities: list[tuple[str, ...]] = []
    names: list[str] = []
    for config, tag in zip(configs, tags, strict=True):
        peers = [c for c, t in zip(configs, tags, strict=True) if t == tag or not tag]
        keys = telling_keys(peers)
        known = [key for key in keys if key in config]
        identities.append((tag, *(f"{key}={config[key]}" for key in known)))
        labels = [label(key, config[key], keys, peers) for key in known]
        names.append(" ".join([tag, *labels] if tag else labels) or "all runs")
    return keep_apart(names, identities)


def keep_apart(names: list[str], identities: list[tuple[str, ...]]) -> list[str]:
    """Return the names, spelt out wherever different rows would have the same one."""
    rows: dict[str, set[tuple[str, ...]]] = {}
    for name, identity in zip(names, identities, strict=True):
        rows.setdefault(name, set()).add(identity)
    return [
        name if len(rows[name]) == 1 else " ".join(part for part in identity if part)
        for name, identity in zip(names, identities, strict=True)
    ]


def telling_keys(configs: list[dict[str, str]]) -> list[str]:
    """Return the keys that tell rows apart, choices of a group before settings."""
    seeds = [config["seed"] for config in configs]
    keys = [
        key
        for key in set().union(*configs)
        if key not in NOT_THE_METHOD
        and not key.startswith("tracker.")
        and varies(key, configs)
        and not is_run_seed(key, configs, seeds)
    ]
    return needed(sorted(keys, key=lambda key: (not key.endswith(CHOICE), key)), configs)


def needed(keys: list[str], configs: list[dict[str, str]]) -> list[str]:
    """Return the keys without settings that only ever change together with what stays."""

    def rows(by: list[str]) -> int:
        return len({tuple(config.get(key) for key in by) for config in configs})

    kept = list(keys)
    for key in reversed(keys):
        rest = [other for other in kept if other != key]
        if not key.endswith(CHOICE) and rows(rest) == rows(kept):
            kept = rest
    return kept


def varies(key: str, configs: list[dict[str, str]]) -> bool:
    """Say whether a key tells runs apart: among runs of the same choice in its group, or, for
    the choice itself, among all.
    """
    group, _, name = key.rpartition(".")
    values: dict[str, set[str]] = {}
    for config in configs:
        choice = "" if name == "_target_" else config.get(f"{group}._target_", "")
        values.setdefault(choice, set()).add(config.get(key, "absent"))
    return any(len(found) > 1 for found in values.values())


def is_run_seed(key: str, configs: list[dict[str, str]], seeds: list[str]) -> bool:
    """Say whether a component is given the run's seed, so that it differs by nothing else."""
    given = [(c[key], seed) for c, seed in zip(configs, seeds, strict=True) if key in c]
    return key.endswith("seed") and all(value == seed for value, seed in given)


def label(key: str, value: str, keys: list[str], configs: list[dict[str, str]]) -> str:
    """Return ``PID`` for a choice, ``drop=0.8`` for a setting; more of the key where needed."""
    shown = short_value(value)
    if not key.endswith(CHOICE):
        return f"{short_key(key, set().union(*configs))}={shown}"
    choices = [other for other in keys if other.endswith(CHOICE) and other != key]
    elsewhere = {short_value(c[other]) for c in configs for other in choices if other in c}
    return f"{key.removesuffix(CHOICE)}={shown}" if shown in elsewhere else shown


def short_key(key: str, keys: Iterable[str]) -> str:
    """Return the shortest end of a dotted key that no other key of a configuration has."""
    parts = key.split(".")
    ends = [".".join(parts[i:]) for i in reversed(range(len(parts)))]
    others = [f".{other}" for other in keys if other != key]
    return next(end for end in ends if not any(o.endswith(f".{end}") for o in others))


def short_value(value: str) -> str:
    """Return the class name of a dotted path, any other value as it is."""
    return value.rsplit(".", 1)[-1] if value.replace(".", "").isidentifier() else value
