"""Where a run's numbers come from: data, code, machine, configuration, and how to run it again."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fusion_sched.report.html.document import Block, Code, Facts, Notes, Text
from fusion_sched.report.view import RunView
from fusion_sched.report.words import cost_words, in_percent
from fusion_sched.runlog import inside

OVERRIDES = Path(".hydra") / "overrides.yaml"
"""In a run folder: what was given on the command line, a list of words."""
MEBIBYTE = 2**20
SHOWN = 50
"""Samples that are named of those that were left out."""


def provenance(view: RunView) -> list[Block]:
    """Everything that a reader needs to believe the numbers, or to make them again."""
    start = view.start
    peak = None if view.result is None else view.result.peak_memory_bytes
    values = {
        "folder": view.shown,
        "time": cost_words(view),
        "device": start.get("device"),
        "peak memory": None if peak is None else f"{peak / MEBIBYTE:,.0f} MiB",
        "versions": _one_line(start.get("versions")),
        "git revision": start.get("git"),
        "fingerprints of the data": _one_line(start["fingerprint"]),
        "protocol": start["protocol_hash"],
        "shapes of the inputs": _one_line(start["modalities"]),
    }
    best = None if view.result is None else view.result.best_on_test
    if best is not None:
        values["best epoch on test"] = f"{in_percent(best)}, chosen by the test labels: no result"
    for name, fact in (start.get("facts") or {}).items():
        if name == "skipped":
            continue
        values[_spoken(name)] = _fact_words(fact)
    unknown = (None, "")
    facts = {name: str(value) for name, value in values.items() if value not in unknown}
    blocks: list[Block] = [_command(view), Facts(facts)]
    warnings = list(dict.fromkeys(w for p in view.probes for w in p.warnings))
    if warnings:
        blocks.append(Notes("Warnings of the probe", warnings))
    skipped = [f"{s['kind']}: {s['message']}" for s in inside(start, "facts", "skipped") or []]
    if skipped:
        more = [f"… and {len(skipped) - SHOWN} more"] if len(skipped) > SHOWN else []
        blocks.append(Notes("Samples left out of training", [*skipped[:SHOWN], *more]))
    if view.problems:
        blocks.append(Notes("Left out of this page", view.problems))
    text = yaml.safe_dump(dict(view.config), sort_keys=False, allow_unicode=True,
                          default_flow_style=None, width=50)  # fmt: skip
    blocks.append(Code("Configuration", text, folded=True))
    return blocks


def _one_line(values: Any) -> str | None:
    """Names and values; the shape of an input as `3 × 8 × 8`."""
    if not isinstance(values, Mapping) or not values:
        return None
    texts = {n: " × ".join(map(str, v)) if isinstance(v, list) else v for n, v in values.items()}
    return ", ".join(f"{name} {text}" for name, text in texts.items())


def _spoken(name: str) -> str:
    """A key as a reader says it."""
    return name.replace("_", " ")


def _fact_words(value: Any) -> str:
    """A fact of the data, which may hold others, in words."""
    if isinstance(value, Mapping):
        inner = ((_spoken(str(name)), one) for name, one in value.items())
        return ", ".join(
            f"{name} ({_fact_words(one)})" if isinstance(one, Mapping) else f"{name} {one}"
            for name, one in inner
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _command(view: RunView) -> Block:
    """The command that trains the same again, where its words are known."""
    file = view.path.parent / OVERRIDES
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
