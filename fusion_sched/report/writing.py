"""Paths → runs → one page."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion_sched.comparison import Comparison, compare, find_runs
from fusion_sched.report.document import check_output, write_page
from fusion_sched.report.many import many_facts, many_lead, many_sections, name_stories
from fusion_sched.report.run_page import run_facts, run_sections
from fusion_sched.report.story import Story, number, tell
from fusion_sched.report.words import headline

IN_RESULT = (("optimism_gap",), ("unimodal_epochs",), ("probe_share",), ("seconds", "total"))
IN_START = ("device", "protocol")


@dataclass(frozen=True)
class Choice:
    """What the page is about: runs at or below ``paths``, and how they are put into tables."""

    paths: Sequence[Path]
    title: str | None = None
    reference: str | None = None
    mix: bool = False


@dataclass(frozen=True)
class Gathered:
    """Runs that could be read, and in words what could not."""

    stories: list[Story]
    notes: list[str]

    @property
    def unended(self) -> int:
        """Return how many have no result."""
        return sum(story.result is None for story in self.stories)


def write_report(
    paths: Sequence[Path],
    output: Path,
    *,
    title: str | None = None,
    reference: str | None = None,
    mix: bool = False,
) -> list[str]:
    """Write one HTML page about the runs at or below the paths, which may be patterns.

    ``reference``: the row that others are held against; ``mix``: one table even where protocols
    differ; both as in ``fusion_sched.comparison.compare``. Returns what was left out, in words;
    it also stands on the page.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: no trace that could be read, or a reference that is no row.
    """
    check_output(output)
    choice = Choice(paths, title, reference, mix)
    return write(choice, gather(paths), output)


def gather(paths: Sequence[Path]) -> Gathered:
    """Read every run at or below the paths."""
    stories, notes = [], []
    for folder in find_runs(paths):
        try:
            stories.append(tell(folder, shown_path(folder)))
        except (ValueError, OSError) as error:
            notes.append(f"left out: {error}")
    if not stories:
        raise ValueError("; ".join(notes))
    return Gathered(stories, notes + [p for story in stories for p in story.problems])


def shown_path(folder: Path) -> str:
    """Return a path relative to the working directory where that is shorter."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative


def write(
    choice: Choice, found: Gathered, output: Path, reload_seconds: float | None = None
) -> list[str]:
    """Write the page of one run, or of several; return every note on it."""
    if len(found.stories) == 1:
        story = found.stories[0]
        name = f"{story.method} on {story.dataset}, seed {story.start['seed']}"
        write_page(
            output, choice.title or name, headline(story), run_sections(story),
            facts=run_facts(story), notes=found.notes, reload_seconds=reload_seconds,
        )  # fmt: skip
        return found.notes
    return write_many(choice, found, output, reload_seconds)


def write_many(
    choice: Choice, found: Gathered, output: Path, reload_seconds: float | None
) -> list[str]:
    """Write the page of several runs."""
    named = name_stories(found.stories, choice.mix)
    comparison, unfit = compared(choice, found)
    sections, told = many_sections(named, comparison)
    beside = [] if comparison is None else [n for n in comparison.notes if n not in found.notes]
    notes = [*found.notes, *unfit, *beside, *told]
    datasets = ", ".join(dict.fromkeys(one.story.dataset for one in named))
    write_page(
        output, choice.title or f"{len(named)} runs on {datasets}",
        many_lead(named, comparison), sections, facts=many_facts(named, comparison), notes=notes,
        reload_seconds=reload_seconds,
    )  # fmt: skip
    return notes


def compared(choice: Choice, found: Gathered) -> tuple[Comparison | None, list[str]]:
    """Return the tables, ``None`` where no run can be in one, and what is not in them."""
    lacks = {story.shown: missing_fields(story) for story in found.stories}
    unfit = [
        f"{shown} is not in the tables: its trace has no {', '.join(fields)}, which they need"
        for shown, fields in lacks.items()
        if fields
    ]
    fit = [story for story in found.stories if not lacks[story.shown]]
    if all(story.result is None for story in fit):
        return None, unfit
    paths = choice.paths
    if len(fit) < len(find_runs(choice.paths)):
        paths = [story.trace.path.parent for story in fit]
    return compare(paths, reference=choice.reference, mix=choice.mix), unfit


def missing_fields(story: Story) -> list[str]:
    """Return what the tables need and a run that has ended lacks: older versions wrote less."""
    if story.trace.result is None:
        return []
    if story.result is None or story.result is not story.trace.result:
        return ["whole last result"]
    wanted = [*IN_RESULT, *(("test", name, "macro_f1") for name in story.result["test"])]
    absent = [".".join(keys) for keys in wanted if number(story.result, *keys) is None]
    return absent + [key for key in IN_START if key not in story.start]
