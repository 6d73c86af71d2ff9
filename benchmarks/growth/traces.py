"""Traces of any length and any number, made from one that a short training wrote."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fusion_sched.runlog import read_trace

OVERRIDES = (
    "probe=kmeans", "controller=pid", "fusion=concat", "encoder=mlp", "stage1.epochs=2",
    "stage2.epochs=2", "probe.samples=200", "probe.resamples=5", "probe.shuffles=2",
    "robustness=false", "tracker=none",
)  # fmt: skip
PROBE_EVERY = 5

Events = list[dict[str, Any]]


def train_short_run(folder: Path) -> Events:
    """Train four epochs and return the events."""
    command = [sys.executable, "-m", "fusion_sched.commands.cli", "train", *OVERRIDES]
    subprocess.run([*command, f"hydra.run.dir={folder}"], check=True, capture_output=True)
    return read_trace(folder).events


def lengthened(events: Events, epochs: int) -> Events:
    """Return the events of a run with so many epochs, half of them joint, a probe every five."""
    first = [e for e in events if e["event"] == "start"]
    result = [e for e in events if e["event"] == "result"]
    decisions = [e for e in events if e["event"] == "decision"]
    by_stage = {
        stage: {e["event"]: e for e in events if e.get("stage") == stage}
        for stage in ("unimodal", "joint")
    }
    longer = [*first, decisions[0]]
    for epoch in range(epochs):
        stage = by_stage["unimodal" if epoch < epochs // 2 else "joint"]
        longer.append({**stage["epoch"], "epoch": epoch})
        if epoch % PROBE_EVERY == 0:
            probe = stage.get("probe", by_stage["unimodal"]["probe"])
            longer.append({**probe, "epoch": epoch, "warnings": [f"that of epoch {epoch}"]})
        if epoch == epochs // 2 - 1:
            longer.append({**decisions[-1], "epoch": epoch})
    return longer + [{**e, "epoch": epochs - 1} for e in result]


def with_settings(events: Events, number: int) -> Events:
    """Return the events of run `number`: ten seeds of each setting of the controller, untagged."""
    seed, setting = number % 10, number // 10
    start = dict(events[0])
    config = dict(start["config"])
    config |= {"seed": seed, "method": ""}
    config["controller"] = {**config["controller"], "drop": 0.5 + setting / 1000}
    return [{**start, "seed": seed, "config": config}, *events[1:]]


def write_trace(folder: Path, events: Events) -> Path:
    folder.mkdir(parents=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "trace.jsonl").write_text(lines, encoding="utf-8")
    return folder
