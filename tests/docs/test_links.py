"""Links and pictures lead somewhere, and every page is in the index."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import PAGES, ROOT, links_of

EVERY_PAGE = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("benchmarks/**/*.md"),
                      *ROOT.glob("scripts/**/*.md")})  # fmt: skip


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [target for target in links_of(page) if not (page.parent / target).exists()]
    assert not broken, f"{page.relative_to(ROOT)} links to what is not there: {broken}"


def test_every_page_is_in_the_index() -> None:
    listed = set(links_of(ROOT / "docs" / "README.md"))
    missing = {path.name for path in (ROOT / "docs").glob("*.md")} - listed - {"README.md"}
    assert not missing, f"add a line about {sorted(missing)} to docs/README.md"


def test_every_picture_is_shown() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in links_of(page)}
    pictures = [path for path in (ROOT / "docs").iterdir() if path.suffix in (".svg", ".png")]
    assert len(pictures) > 4
    assert not [path.name for path in pictures if path not in shown]


def test_names_in_code_are_files_where_they_look_like_files() -> None:
    """``fusion_sched/types.py`` in backquotes is a promise as well."""
    pattern = re.compile(r"`((?:fusion_sched|tests|scripts|conf|benchmarks)/[\w/.-]+)`")
    broken = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in pattern.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert not broken
