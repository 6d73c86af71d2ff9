"""A claim of the paper: what it says, who says so, how it is checked, and what came out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from fusion_sched.report.html.document import Chart, Table, Text
from scripts.studies.reproduce.bench import Bench, Notebook

Values = dict[str, Any]


class Verdict(StrEnum):
    """What became of a claim; ``BEYOND`` where the paper claims nothing."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NEEDS = "needs data or GPU"
    BEYOND = "beyond the paper"


@dataclass(frozen=True)
class Told:
    """What a study found: verdict, one sentence with the numbers, and what shows it.

    ``files``: where the numbers come from, besides the study's own file.
    """

    verdict: Verdict
    sentence: str
    blocks: Sequence[Text | Table | Chart]
    files: Sequence[Path] = field(default=())


@dataclass(frozen=True)
class Claim:
    """One numbered section of the report.

    ``holds_if`` says what the numbers must show for the verdict to be that it is reproduced.
    ``measure`` fills the notebook part by part; ``tell`` reads its values and measures nothing.
    """

    name: str
    title: str
    claim: str
    source: str
    ran: str
    holds_if: str
    measure: Callable[[Bench, Notebook], None]
    tell: Callable[[Bench, Values], Told]


ABSTRACT = "arXiv 2509.20840, abstract"
SUMMARIES = "machine-made summaries of arXiv 2509.20840; its body was not available"


def judged(holds: bool) -> Verdict:
    """Return the verdict on a claim that could be checked."""
    return Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED
