"""Paths → runs → one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion_sched.analysis import Comparison, find_runs
from fusion_sched.analysis.runs import failed_jobs, split_by_completeness
from fusion_sched.analysis.tables import compare_traces
from fusion_sched.report.html.document import check_output, write_page
from fusion_sched.report.html.many import many_facts, many_lead, many_sections, name_stories
from fusion_sched.report.html.run_page import run_facts, run_sections
from fusion_sched.report.story import Story, tell
from fusion_sched.report.words import headline
from fusion_sched.runtime.environment import shown_path


@dataclass(frozen=True)
class Choice:
    """What the page is about: runs at or below ``paths``, and how they are put into tables."""

    paths: Sequence[Path]
    title: str | None = None
    reference: str | None = None
    mix: bool = False


@dataclass(frozen=True)
class Gathered:
    """Runs that could be read, and in words what could not; ``unread``: how many runs."""

    stories: list[Story]
    notes: list[str]
    unread: int = 0

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
    differ; both as in ``fusion_sched.analysis.compare``. Returns what was left out, in words;
    it also stands on the page.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: no trace that could be read, or a reference that is no row.
    """
    check_output(output)
    choice = Choice(paths, title, reference, mix)
    return write(choice, gather(paths), output)


def gather(paths: Sequence[Path]) -> Gathered:
    """Read every run at or below the paths.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: no trace that could be read.
    """
    found = gather_begun(paths)
    if not found.stories:
        raise ValueError("; ".join(found.notes))
    return found


def gather_begun(paths: Sequence[Path]) -> Gathered:
    """Read the runs as ``gather`` does, also where none has written its start event yet."""
    stories, notes = [], []
    for folder in find_runs(paths):
        try:
            stories.append(tell(folder, shown_path(folder)))
        except (ValueError, OSError) as error:
            notes.append(f"left out: {error}")
    problems = [problem for story in stories for problem in story.problems]
    return Gathered(stories, notes + problems, unread=len(notes))


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
    beside = () if comparison is None else comparison.notes
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
    fit, unfit = split_by_completeness(story.trace for story in found.stories)
    if all(trace.result is None for trace in fit):
        return None, unfit
    made = compare_traces(fit, reference=choice.reference, mix=choice.mix)
    failed = failed_jobs(choice.paths, [story.trace.path.parent for story in found.stories])
    return made, [*unfit, *failed]
