"""Which characters a terminal can show, and text from outside made safe for it."""

from dataclasses import dataclass

from fusion_sched.runtime.text import SPELLED

UNKNOWN = "?"


@dataclass(frozen=True)
class Glyphs:
    """Characters to draw with.

    A bar is `sure` up to the lower end of the interval, `likely` up to the estimate,
    `possible` up to the upper end, and stands on an `axis`; `level` marks the level under
    shuffled labels. A line of
    progress is `done`, `boundary` where the stages meet, `ahead`. `steps` rise from low to
    high.
    """

    axis: str
    sure: str
    likely: str
    possible: str
    level: str
    rule: str
    done: str
    boundary: str
    ahead: str
    steps: str  # the highest leaves a gap to the line above
    none: str
    more: str


UNICODE = Glyphs("│", "█", "▓", "░", "╋", "─", "━", "┃", "╌", "▁▂▃▄▅▆▇", "–", "…")
ASCII = Glyphs("|", "#", "=", "-", "+", "-", "=", "|", ".", "_.-:=*#", "-", ".")


def glyphs_for(encoding: str) -> Glyphs:
    return UNICODE if encoding.lower().startswith("utf") else ASCII


def printable(text: str, encoding: str) -> str:
    """Text from outside as one line that the output can show.

    Line breaks become spaces and other control characters question marks, as they would move the
    cursor; a character that the encoding lacks is spelled out or a question mark.
    """
    line = " ".join(text.split("\n"))
    line = "".join(c if c.isprintable() else UNKNOWN for c in line)
    if encoding.lower().startswith("utf"):
        return line.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if _can_show(c, encoding) else SPELLED.get(c, UNKNOWN) for c in line)


def _can_show(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
