"""Consoles that show control characters in place of obeying them."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from fusion_sched.runtime.text import printable


def make_console(**arguments: Any) -> Console:
    """Return a console that prints what comes from files with its control characters visible."""
    console = Console(**arguments)
    console.push_render_hook(_PrintableHook())
    return console


class _PrintableHook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(renderable) for renderable in renderables]


class _Printable:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments: Iterable[Segment] = console.render(self.renderable, options)
        for text, style, control in segments:
            yield Segment(text if control else printable(text), style, control)
