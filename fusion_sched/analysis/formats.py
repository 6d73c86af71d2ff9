"""A comparison as text for people: terminal, Markdown, LaTeX."""

from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fusion_sched.analysis.cells import (
    Grid,
    caption,
    grid_of,
    judgement,
    number,
    published_grid,
    source,
)
from fusion_sched.analysis.tables import Comparison, ResultTable

NARROW, UNLIMITED = 80, 10_000
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "–": "--",
    "…": "--",
}  # fmt: skip
"""LaTeX for characters that mean something else there."""
MARKDOWN = {character: f"\\{character}" for character in r"\`*_{}[]<>|#"}


def terminal(comparison: Comparison, wide: bool = False, width: int = NARROW) -> str:
    """Return the comparison for a terminal of so many columns; ``wide`` takes what it needs."""
    parts = [part for table in comparison.tables for part in terminal_parts(table, wide)]
    parts += [Text(f"note: {note}") for note in comparison.notes]
    buffer = StringIO()
    console = Console(
        file=buffer, width=UNLIMITED if wide else width, no_color=True, highlight=False
    )
    for part in parts:
        console.print(part, width=width if isinstance(part, Text) else None)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def terminal_parts(table: ResultTable, wide: bool) -> list[Table | Text]:
    """Return one table with all that belongs to it."""
    lines = [f"note: {note}" for note in table.notes] + list(table.verdict)
    for judged in table.published:
        told = judgement(judged).replace("yes", "comparable").replace("no:", "not comparable:", 1)
        values = judged.published.values.items()
        numbers = "; ".join(f"{method} {number(value)}" for method, value in values)
        lines += [f"published: {source(judged.published)}, {told}", f"  {numbers}"]
    return [
        Text(table.heading),
        rich_table(grid_of(table, wide)),
        Text(f"{caption(table)}\n"),
        *map(Text, lines),
    ]


def rich_table(grid: Grid) -> Table:
    """Return a grid whose names fold and whose numbers never do."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(grid.headers[0], overflow="fold", min_width=12)
    for header in grid.headers[1:]:
        table.add_column(header, justify="right", no_wrap=True)
    for row in grid.rows:
        table.add_row(*map(escape, row))
    return table


def markdown(comparison: Comparison, wide: bool = False) -> str:
    """Return the comparison as GitHub's Markdown."""
    blocks = []
    for table in comparison.tables:
        blocks += [f"**{in_markdown(table.heading)}**", markdown_grid(grid_of(table, wide))]
        blocks += [in_markdown(caption(table)), *map(in_markdown, table.verdict)]
        blocks += [in_markdown(f"Note: {note}") for note in table.notes]
        blocks += [markdown_grid(published_grid(table))] if table.published else []
    blocks += [in_markdown(f"Note: {note}") for note in comparison.notes]
    return "\n\n".join(blocks)


def markdown_grid(grid: Grid) -> str:
    """Return a grid with pipes."""
    rule = ["---", *["---:"] * (len(grid.headers) - 1)]
    lines = [[in_markdown(cell) for cell in row] for row in (grid.headers, *grid.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (lines[0], rule, *lines[1:]))


def latex(comparison: Comparison, wide: bool = False) -> str:
    """Return the comparison as LaTeX tables with the rules of booktabs; notes are comments."""
    blocks = [r"% needs \usepackage{booktabs}"]
    for table in comparison.tables:
        blocks.append(latex_grid(grid_of(table, wide), f"{table.heading}. {caption(table)}."))
        blocks += [latex_comment(line) for line in (*table.verdict, *table.notes)]
        if table.published:
            blocks.append(latex_grid(published_grid(table), f"Published on {table.dataset}."))
    blocks += [latex_comment(note) for note in comparison.notes]
    return "\n".join(blocks)


def latex_grid(grid: Grid, told: str) -> str:
    """Return a grid as one table environment."""
    lines = [" & ".join(map(in_latex, row)) + r" \\" for row in (grid.headers, *grid.rows)]
    columns = "l" + "r" * (len(grid.headers) - 1)
    return "\n".join(
        [
            r"\begin{table}", r"\centering", rf"\caption{{{in_latex(told)}}}",
            rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule", *lines[1:],
            r"\bottomrule", r"\end{tabular}", r"\end{table}",
        ]
    )  # fmt: skip


def latex_comment(text: str) -> str:
    """Return text, of any number of lines, that LaTeX passes over."""
    return "\n".join(f"% {line}" for line in text.splitlines())


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(MARKDOWN.get(character, character) for character in text)


def in_latex(text: str) -> str:
    """Return text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in text)
