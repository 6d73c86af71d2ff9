"""The documentation as a site: complete, with links that hold, and nothing from the network."""

import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.docs.documents import ROOT
from tests.docs.test_links import EVERY_PAGE
from tests.report.conftest import LATE_MS, Opened

LOADING = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src")}
BLOCKS = ("h1", "h2", "h3", "h4", "ul", "ol", "li", "table", "td", "pre", "code", "img")


class Tags(HTMLParser):
    """What a text in HTML has: the number of each tag, identifiers, links and files to load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.files: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.add(value or "")
            elif (tag, name) in LOADING:
                self.files.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it: a warning is an error, unless `--quiet` hides it."""
    pytest.importorskip("material", reason="needs the extra `docs`")
    folder = tmp_path_factory.mktemp("site").resolve()
    build = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder)
    done = subprocess.run([*build, "-f", ROOT / "scripts" / "site" / "mkdocs.yml"], text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def built(site: Path, page: Path) -> Path:
    """Return the file that a page has become."""
    path = site / page.relative_to(ROOT)
    return path.with_name("index.html") if path.stem == "README" else path.with_suffix(".html")


def test_every_page_is_there_and_can_be_searched(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    searched = {site / entry["location"].partition("#")[0] for entry in index["docs"]}
    expected = {built(site, page) for page in EVERY_PAGE}
    assert searched == expected == set(site.rglob("*.html")) - {site / "404.html"}


def test_links_lead_to_pages_and_headings(site: Path) -> None:
    pages = {path: Tags(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    del pages[site / "404.html"]  # its links depend on where the site is put

    def resolves(path: Path, link: str) -> bool:
        target, _, heading = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        file = file / "index.html" if file.is_dir() else file
        return file.is_file() and (not heading or heading in pages[file].ids)

    links = [(path, link) for path, page in pages.items() for link in page.links]
    inner = [(path, link) for path, link in links if not link.startswith("http")]
    assert len(inner) > 1000
    assert not [f"{path}: {link}" for path, link in inner if not resolves(path, link)]


def test_nothing_is_loaded_from_the_network(site: Path) -> None:
    missing = [
        f"{path.relative_to(site)}: {file}"
        for path in set(site.rglob("*.html")) - {site / "404.html"}
        for file in Tags(path.read_text(encoding="utf-8")).files
        if not (path.parent / file).is_file()
    ]
    assert not missing
    for sheet in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import )['\"]?(?!data:)[^)'\"]+", sheet.read_text("utf-8"))
        assert not loaded, sheet


def test_the_site_has_the_blocks_that_commonmark_has(site: Path) -> None:
    """The pages are also read on forges, whose Markdown differs in lists and indented code."""
    commonmark = MarkdownIt("commonmark").enable("table")
    for page in EVERY_PAGE:
        text = built(site, page).read_text(encoding="utf-8")
        article = text.partition("<article")[2].partition("</article>")[0]
        here, there = Tags(article).counts, Tags(commonmark.render(page.read_text("utf-8"))).counts
        assert {b: here[b] for b in BLOCKS} == {b: there[b] for b in BLOCKS}, page


@pytest.mark.browser
def test_it_is_searched_from_disk(site: Path, browser: Any) -> None:
    opened = Opened(browser.new_page(viewport={"width": 360, "height": 700}))
    page = opened.visit(site / "docs" / "methods.html")
    page.locator("[for=__search].md-header__button").click()
    page.keyboard.type("label_smoothing")
    result = page.locator(".md-search-result__link", has_text="Training options")
    result.click(timeout=LATE_MS)
    page.wait_for_url("**/docs/training_options.html*", timeout=LATE_MS)
    assert opened.complaints == []
    assert all(url.startswith(("file:", "data:")) for url in opened.requests)
    assert opened.overflow() == 0
    page.context.close()
