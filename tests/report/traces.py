"""Traces to make pages of: those of short runs, changed and written again."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fusion_sched.report.html.document import Chart, Fold, Section, Text
from fusion_sched.report.story import Story, tell

Events = list[dict[str, Any]]


def events_of(run: Path) -> Events:
    lines = (run / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def write_run(folder: Path, events: Iterable[dict[str, Any]], tail: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "trace.jsonl").write_text(lines + tail, encoding="utf-8")
    return folder


def story_of(run: Path) -> Story:
    return tell(run, run.name)


def changed(events: Events, change: Callable[[dict[str, Any]], None]) -> Events:
    """Return a copy of the events after a change of each."""
    copies: Events = json.loads(json.dumps(events))
    for event in copies:
        change(event)
    return copies


def charts_of(sections: Iterable[Section]) -> dict[str, Chart]:
    """Return every chart by its name."""
    found: dict[str, Chart] = {}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Chart):
                found[block.name] = block
            elif isinstance(block, Section | Fold):
                found |= charts_of([block])  # type: ignore[list-item]
    return found


def words_of(sections: Iterable[Section]) -> str:
    """Return all paragraphs of text."""
    texts = [b for section in sections for b in section.blocks if isinstance(b, Text)]
    return " ".join(paragraph for text in texts for paragraph in text.paragraphs)
