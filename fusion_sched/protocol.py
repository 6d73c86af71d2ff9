"""The protocol of a run: what must agree before two results may stand in one table."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

PLACES = ("root", "store", "lists")
"""Keys of a dataset that name folders or files."""


def protocol_of(config: Mapping[str, Any], fingerprint: Mapping[str, str]) -> dict[str, Any]:
    """Return the protocol and its hash.

    It holds the data (settings and fingerprint of each split, whose test part is the denominator
    of every accuracy), how the epoch is selected, the encoders with their initialisation, and the
    budget; not the method: controller, solver, probe, fusion, losses and seed may differ.
    """
    protocol = {
        # Where the data lies is not part of the protocol: the fingerprint says what it is.
        "dataset": {key: value for key, value in config["dataset"].items() if key not in PLACES},
        "fingerprint": dict(fingerprint),
        "selection": "best validation accuracy of the fused head over joint epochs",
        "encoder": config["encoder"],
        "budget": {
            "stage1": config["stage1"]["epochs"],
            "stage2": config["stage2"]["epochs"],
            "equal": config["equal_budget"],
        },
        "batch_size": config["batch_size"],
    }
    digest = hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()
    return {"protocol": protocol, "protocol_hash": digest[:12]}
