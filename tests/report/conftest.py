"""One headless Chromium for all tests of pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LATE_MS = 30_000


class Opened:
    """A page in the browser, and whatever went wrong or was asked for while it was open."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(error.message))
        page.on("request", lambda request: self.requests.append(request.url))

    def visit(self, file: Path, clock: bool = False) -> Any:
        """Open a file; with ``clock`` its time can be made to pass."""
        if clock:
            self.page.clock.install()
        self.page.goto(file.as_uri())
        return self.page

    def wait_drawn(self, count: int | None = None) -> int:
        """Wait until all charts that are not folded away, or so many, are drawn."""
        unfolded = (
            "[...document.querySelectorAll('figure.chart')]"
            ".filter((c) => !c.closest('details:not([open])')).length"
        )
        wanted = self.page.evaluate(unfolded) if count is None else count
        if wanted:
            self.page.wait_for_selector(f"html[data-drawn='{wanted}']", timeout=LATE_MS)
        return int(wanted)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@contextmanager
def windows(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Open windows; at the end nothing may have gone wrong or asked for anything but the file."""
    opened: list[tuple[Any, Opened]] = []

    def make(width: int = 1440, height: int = 900, **settings: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        made = Opened(context.new_page())
        opened.append((context, made))
        return made

    yield make
    for context, made in opened:
        context.close()
        assert made.complaints == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in made.requests)
        assert len({url for url in made.requests if url.startswith("file:")}) <= 1


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Opened]]:
    with windows(browser) as make:
        yield make
