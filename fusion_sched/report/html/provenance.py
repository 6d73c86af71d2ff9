"""Where a run's numbers come from: data, code, machine, configuration, and how to run it again."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from fusion_sched.report.html.charts.cost import memory
from fusion_sched.report.html.document import Block, Code, Facts, Notes, Text
from fusion_sched.report.story import Story
from fusion_sched.runlog import inside

OVERRIDES = Path(".hydra") / "overrides.yaml"
"""In a run folder: what was given on the command line, a list of words."""


def provenance(story: Story) -> list[Block]:
    """Return everything that a reader needs to believe the numbers, or to make them again."""
    blocks: list[Block] = [command(story)]
    start = story.start
    sizes = inside(start, "split_sizes") or {}
    values = {
        "folder": story.shown,
        "seed": start["seed"],
        "device": start.get("device"),
        "peak memory": memory(story),
        "parameters": f"{start['parameters']:,}" if "parameters" in start else None,
        "versions": joined(start.get("versions")),
        "git revision": start.get("git"),
        "samples": joined(sizes),
        "fingerprints of the data": joined(start["fingerprint"]),
        "protocol": start["protocol_hash"],
        "modalities": joined(start["modalities"]),
        "classes": len(story.classes),
    }
    facts = {"facts of the data": joined(start["facts"])} if start.get("facts") else {}
    blocks.append(Facts({name: told(value) for name, value in (values | facts).items()}))
    warnings = list(dict.fromkeys(w for p in story.probes for w in p.get("warnings", [])))
    if warnings:
        blocks.append(Notes("Warnings of the probe", [str(w) for w in warnings]))
    if story.problems:
        blocks.append(Notes("Left out of this page", story.problems))
    text = yaml.safe_dump(dict(story.config), sort_keys=False, allow_unicode=True)
    blocks.append(Code("Configuration", text, folded=True))
    return blocks


def told(value: Any) -> str:
    """Return a value, or that the trace does not have it."""
    return "not in this trace" if value in (None, "") else str(value)


def joined(values: Any) -> str | None:
    """Return names and values in one line."""
    if not isinstance(values, dict) or not values:
        return None
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    """Return a value; the shape of an input as ``3 × 8 × 8``."""
    return " × ".join(map(str, value)) if isinstance(value, list) else str(value)


def command(story: Story) -> Block:
    """Return the command that trains the same again, where its words are known."""
    file = story.trace.path.parent / OVERRIDES
    if not file.is_file():
        return Text(
            [f"The command is not known: {OVERRIDES} is not in the folder of the run. The "
             "configuration below holds every setting."]
        )  # fmt: skip
    try:
        words = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        return Text([f"The command is not known: {OVERRIDES} cannot be read ({reason})."])
    if words is not None and not isinstance(words, list):
        return Text([f"The command is not known: {OVERRIDES} holds no list of overrides."])
    parts = ["fusion-sched", "train", *(shlex.quote(str(word)) for word in words or [])]
    return Code("Run it again", " ".join(parts))
