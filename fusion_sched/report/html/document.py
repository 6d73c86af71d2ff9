"""One self-contained HTML page, from sections of charts, tables and text; nothing about runs.

Everything that is text is escaped. Figures are plotly's JSON, `{"data": […], "layout": {…}}`.
They may name a colour of the theme instead of a colour, and the page puts in the right one for
light and dark: `"@ink"`, `"@muted"`, `"@grid"`, `"@surface"`, `"@1"` to `"@6"`, each
also with an opacity, as `"@1/0.2"`, or mixed into the surface, as `"@1~0.2"`. The page draws a
legend of its own from the names of the traces, and a choice above the chart where traces have
`meta: {"choice": …}`: only those chosen are shown.
"""

import base64
import gzip
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined

from fusion_sched.runtime.files import atomic_write

DIGITS = 5
"""Significant digits of the numbers in figures."""
SCRIPTS = ("theme.js", "legend.js", "chart.js", "page.js")
PIXELS = 360
"""Height of a chart whose figure does not say its own."""


@dataclass(frozen=True)
class Table:
    """Cells of text; the first column names its row.

    `words`: positions of the columns, besides the first, that hold words, not numbers.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    words: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """A plotly figure, and the sentence that says what it shows, also to a screen reader.

    `numbers` are folded away below it: what the chart shows, to be read and copied.
    """

    name: str
    figure: Mapping[str, Any]
    summary: str
    numbers: Table | None = None


@dataclass(frozen=True)
class Text:
    """Paragraphs of plain text."""

    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Facts:
    values: Mapping[str, str]


@dataclass(frozen=True)
class Code:
    """Text to be copied as it is; `folded` away where it is long."""

    name: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Notes:
    """Sentences about what a reader must know besides."""

    name: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """Blocks and sections below a line that opens them; their charts are drawn only then."""

    id: str
    title: str
    blocks: Sequence["Block | Section"]


@dataclass(frozen=True)
class Beside:
    """Blocks beside each other where the window is wide enough."""

    blocks: Sequence["Block"]


Block: TypeAlias = Text | Table | Chart | Facts | Code | Notes | Fold | Beside


@dataclass(frozen=True)
class Section:
    """A heading with blocks below it; `status` is the word on its badge, of `BADGES`.

    `folded`: the heading opens the blocks, which are hidden at first.
    """

    id: str
    title: str
    blocks: Sequence["Block | Section"]
    status: str | None = None
    folded: bool = False


class Badge(NamedTuple):
    """The colour of a badge, by its meaning, and the sign before its word."""

    tone: str
    sign: str


BADGES = {
    "reproduced": Badge("good", "✓"),
    "not reproduced": Badge("bad", "✗"),
    "needs data or GPU": Badge("open", "○"),
    "ended": Badge("good", "✓"),
    "not ended": Badge("open", "○"),
}
OTHER_BADGE = Badge("open", "•")


def write_page(
    output: Path,
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    about: str = "",
    facts: Mapping[str, str] | None = None,
    footnote: str = "",
    cautions: Sequence[str] = (),
    notes: Sequence[str] = (),
    reload_seconds: float | None = None,
) -> None:
    """Write a page to a file of its own, in one step: a reader never sees half of it.

    `about`, `lead`, `cautions` and `facts`, with their `footnote`, stand below the title: what a
    reader must know first; `notes` at the end: what was left out. With `reload_seconds` the page
    reloads itself so often, until it is written without.

    Raises:
        ValueError: two sections of one id.
        OSError: `output` is a folder, or lies in one that does not exist.
    """
    check_output(output)
    check_ids(sections)
    html = environment().get_template("page.html").render(
        title=title, about=about, lead=lead, sections=sections, facts=facts or {},
        footnote=footnote, cautions=cautions, notes=notes, reload_seconds=reload_seconds,
        plotly=packed_plotly(), style=page_file("page.css"),
        scripts=[page_file(name) for name in SCRIPTS],
    )  # fmt: skip
    with atomic_write(output) as file:
        file.write(html.encode(errors="replace"))  # names that are not UTF-8


def check_output(output: Path) -> None:
    """Raise where no page can be written."""
    if output.is_dir():
        raise IsADirectoryError(f"{output} is a folder; expected the HTML file to write")
    if not output.parent.is_dir():
        raise FileNotFoundError(
            f"the folder {output.parent} of {output.name} does not exist; make it first"
        )


def check_ids(sections: Sequence[Section]) -> None:
    """Raise where a link could lead to two places."""
    ids = [section.id for section in sections]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"several sections have the id {', '.join(twice)}; expected one of each")


@cache
def environment() -> Environment:
    """The templates; everything they print is escaped."""
    made = Environment(
        loader=PackageLoader("fusion_sched.report.html", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["as_json"] = script_json
    made.filters["kind"] = lambda block: type(block).__name__
    made.filters["pixels"] = lambda figure: figure.get("layout", {}).get("height", PIXELS)
    made.filters["badge"] = lambda word: BADGES.get(word, OTHER_BADGE)
    return made


@cache
def packed_plotly() -> str:
    """Plotly.js, 4.8 MB, as gzip in base64, 1.9 MB; the page unpacks it."""
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), mtime=0)
    return base64.b64encode(packed).decode()


@cache
def page_file(name: str) -> str:
    return (resources.files("fusion_sched.report.html") / "page" / name).read_text("utf-8")


def script_json(value: Any) -> str:
    """A value as JSON that is safe inside a script element."""
    text = json.dumps(compact(value), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c")


def compact(value: Any) -> Any:
    """A value whose numbers have `DIGITS` digits, `None` where one is not finite."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): compact(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [compact(inside) for inside in value]
    return value


def plain(text: object) -> str:
    """Text that plotly shows as it is: it reads a subset of HTML, and TeX between $."""
    return re.sub(r"\s+", " ", escape(str(text), quote=False)).replace("$", "&#36;")
