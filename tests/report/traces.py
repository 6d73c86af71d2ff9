"""Traces to make pages of: those of short runs, changed and written again."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fusion_sched.report.html.document import Beside, Chart, Fold, Section, Text
from fusion_sched.report.view import RunView, read_run
from fusion_sched.runlog import read_trace

Events = list[dict[str, Any]]


def events_of(run: Path) -> Events:
    return read_trace(run).events


def write_run(folder: Path, events: Iterable[dict[str, Any]], tail: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "trace.jsonl").write_text(lines + tail, encoding="utf-8")
    return folder


def view_of(run: Path) -> RunView:
    return read_run(run, run.name)


def changed(events: Events, change: Callable[[dict[str, Any]], None]) -> Events:
    """Return a copy of the events after a change of each."""
    copies: Events = json.loads(json.dumps(events))
    for event in copies:
        change(event)
    return copies


def with_second_reading(event: dict[str, Any]) -> None:
    """Give a probe event lower bounds, label models, a warning and a generalising diagnosis."""
    if event["event"] != "probe":
        return
    names = [*event["mi_bits"], "all"]
    second = json.loads(json.dumps(event))
    for reading, model in ((event, "naive Bayes"), (second, "kernel 1")):
        reading["lower_bits"] = dict.fromkeys(names, 0.25)
        reading["models"] = dict.fromkeys(names, model)
        reading["warnings"] = [f"the cells of {model} hold 0.10 bit less"]
    gaps = {}
    for name, information in event["mi_bits"].items():
        second["mi_bits"][name] = {"value": 0.5, "low": 0.4, "high": 0.6, "se": 0.05}
        gap = information["value"] - 0.5
        gaps[name] = {"value": gap, "low": gap - 0.2, "high": gap + 0.2, "se": 0.1}
    event |= {"generalising": second, "stored_minus_generalising_bits": gaps}


def without_intervals(event: dict[str, Any]) -> None:
    """Leave the value alone of every estimate in an event."""
    for value in event.values():
        if isinstance(value, dict):
            if "value" in value:
                for side in value.keys() - {"value"}:
                    del value[side]
            else:
                without_intervals(value)


def charts_of(sections: Iterable[Section]) -> dict[str, Chart]:
    """Return every chart by its name."""
    found: dict[str, Chart] = {}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Chart):
                found[block.name] = block
            elif isinstance(block, Section | Fold | Beside):
                found |= charts_of([block])  # type: ignore[list-item]
    return found


def words_of(sections: Iterable[Section]) -> str:
    """Return all paragraphs of text."""
    texts = [b for section in sections for b in section.blocks if isinstance(b, Text)]
    return " ".join(paragraph for text in texts for paragraph in text.paragraphs)
