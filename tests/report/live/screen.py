"""A terminal in memory, as far as rich writes to one, and consoles that write to it."""

import io
import re

from rich.console import Console

from fusion_sched.report.records import Event

CONTROL = re.compile(r"\x1b\[(\??)(\d*(?:;\d+)*)([A-Za-z])")


class Screen(io.StringIO):
    """Its rows are without end, so that what scrolls away can be read; the cursor is at (y, x)."""

    encoding = "utf-8"  # type: ignore[assignment]

    def __init__(self, height: int) -> None:
        super().__init__()
        self.height = height
        self.rows: list[str] = [""]
        self.y = self.x = 0
        self.cursor_shown = True

    def write(self, text: str) -> int:
        position = 0
        while position < len(text):
            found = CONTROL.match(text, position)
            if found:
                self._control(*found.groups())
                position = found.end()
                continue
            self._put(text[position])
            position += 1
        return len(text)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self.y, self.x = self.y + 1, 0
            self.rows += [""] * (self.y + 1 - len(self.rows))
        else:
            row = self.rows[self.y].ljust(self.x)
            self.rows[self.y] = row[: self.x] + character + row[self.x + 1 :]
            self.x += 1

    def _control(self, private: str, number: str, letter: str) -> None:
        if letter == "A":
            top = max(0, len(self.rows) - self.height)
            assert self.y - int(number) >= top, "the picture is higher than the terminal"
            self.y -= int(number)
        elif letter == "K":
            assert number == "2"
            self.rows[self.y] = ""
        elif private and number == "25":
            self.cursor_shown = letter == "h"
        else:
            assert letter == "m", (private, number, letter)

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip()


def console_on(
    screen: io.TextIOBase, width: int = 80, height: int = 24, colours: bool = True
) -> Console:
    return Console(
        file=screen,  # type: ignore[arg-type]
        width=width, height=height, force_terminal=True, _environ={"TERM": "xterm-256color"},
        color_system="truecolor" if colours else None,
    )  # fmt: skip


def words(text: str) -> str:
    """Return a text with every space or line break as one space."""
    return " ".join(text.split())


def until(events: list[dict[str, object]], epoch: int) -> list[Event]:
    """Return the events up to an epoch's last one."""
    return [e for e in events if e["event"] == "start" or int(str(e.get("epoch", 99))) <= epoch]
