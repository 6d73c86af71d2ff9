"""The protocol of a run: what must agree before two results may stand in one table."""

from collections.abc import Mapping
from typing import Any

from fusion_sched.runtime.files import json_digest

PLACES = ("root", "store", "lists", "list")
"""Keys of a dataset that name folders or files."""
LATER_DATASET_KEYS: Mapping[str, Any] = {
    "folds": None, "fold": None, "group": None, "target": "y", "columns": None, "layout": "auto",
}  # fmt: skip
"""Keys of a dataset that earlier versions had not, and the values that stand for what those did."""

LATER_KEYS: Mapping[str, Any] = {
    "role": "", "select": "fused", "calibrate": False, "search_trials": 0,
    "early_stopping": {"patience": None, "monitor": "accuracy", "min_delta": 0.0},
    "gradient_clip_norm": None, "accumulate_batches": 1, "warmup_epochs": 0, "ema_decay": None,
    "label_smoothing": 0.0, "class_weights": None, "mixup_alpha": 0.0, "modality_dropout": 0.0,
    "modality_optimizers": {},
    "debug": {"samples": None, "epochs": None, "memorise": False, "profile_steps": 0},
}  # fmt: skip
"""Keys that configurations of older versions lack, with the values that they ran with."""


def protocol_of(
    config: Mapping[str, Any], fingerprint: Mapping[str, str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the protocol and its hash.

    It holds the data (settings and fingerprint of each split, whose test part is the denominator
    of every accuracy), on what the epoch is selected, the encoders with their initialisation, and
    the budget. Not the method: controller, balancer, fusion, probe, solver, optimizers, seed, and
    `select`, by which every modality may have an epoch of its own, may differ; nor the machine:
    device, precision, threads, loader processes and compiler. How many frames and seconds of sound
    a network sees is among the settings of the data. The folds of one cross-validation have one
    protocol: it holds the fingerprint of all samples together, which `facts` names, in place of
    the splits', and not the number of the fold.
    """
    fold = facts.get("cross_validation")
    left_out = {*PLACES, *(() if fold is None else ("fold",))}
    dataset = {key: value for key, value in config["dataset"].items() if key not in left_out}
    protocol = {
        # Where the data lies is not part of the protocol: the fingerprint says what it is.
        "dataset": {
            key: value
            for key, value in dataset.items()
            if key not in LATER_DATASET_KEYS or value != LATER_DATASET_KEYS[key]
        },
        "fingerprint": dict(fingerprint) if fold is None else {"all": fold["pool"]},
        "selection": "best validation accuracy of the fused head over joint epochs",
        "encoder": config["encoder"],
        "budget": {
            "stage1": config["stage1"]["epochs"],
            "stage2": config["stage2"]["epochs"],
            "equal": config["equal_budget"],
        },
        "batch_size": config["batch_size"],
    }
    return {"protocol": protocol, "protocol_hash": json_digest(protocol)[:12]}


def protocol_differences(protocols: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line ``key: value (hash), value (hash, hash)`` for each key that is not shared.

    ``protocols``: hash → protocol.
    """
    flattened = {name: flatten(protocol) for name, protocol in protocols.items()}
    lines = []
    for key in dict.fromkeys(key for flat in flattened.values() for key in flat):
        holders: dict[str, list[str]] = {}
        for name, flat in flattened.items():
            holders.setdefault(flat.get(key, "absent"), []).append(name)
        if len(holders) > 1:
            told = [f"{value} ({', '.join(names)})" for value, names in holders.items()]
            lines.append(f"{key}: {', '.join(told)}")
    return lines


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values by dotted keys, printed."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return flat
