"""A claim of the paper: what it says, who says so, how it is checked, and the verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from fusion_sched.report.html.document import Chart, Table, Text
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings

Values = dict[str, Any]


class Verdict(StrEnum):
    """The verdict on a claim; `BEYOND` where the paper claims nothing."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NEEDS = "needs data or GPU"
    BEYOND = "beyond the paper"

    @classmethod
    def of(cls, holds: bool) -> "Verdict":
        """Return the verdict on a claim that could be checked."""
        return cls.REPRODUCED if holds else cls.NOT_REPRODUCED


@dataclass(frozen=True)
class Finding:
    """A verdict, one sentence with its numbers, and the tables and charts that show it.

    `files`: where the numbers come from, besides the study's own file.
    """

    verdict: Verdict
    sentence: str
    blocks: Sequence[Text | Table | Chart]
    files: Sequence[Path] = field(default=())


@dataclass(frozen=True)
class Claim:
    """One numbered section of the report.

    `holds_if` says what the numbers must show for the verdict "reproduced". `measure` fills the
    numbers of the study; `conclude` reads their values and measures nothing.
    """

    name: str
    title: str
    claim: str
    source: str
    ran: str
    holds_if: str
    measure: Callable[[Settings, Measurements], None]
    conclude: Callable[[Settings, Values], Finding]


ABSTRACT = "arXiv 2509.20840, abstract"
SUMMARIES = "machine-made summaries of arXiv 2509.20840; its body was not available"
