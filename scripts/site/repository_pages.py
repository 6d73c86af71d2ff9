"""Hooks of mkdocs: the pages of the repository, each at its own path, so that links hold."""

import re
from pathlib import Path
from posixpath import normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
MEASUREMENTS = ("benchmarks/**/*.md", "scripts/**/*.md")
PUBLISHED = ("*.md", "docs/*.md", *MEASUREMENTS, "docs/*.svg", "docs/*.png", "examples/*.ipynb")


def on_config(config: MkDocsConfig) -> None:
    """Take the navigation from docs/README.md: a heading in bold, and the pages that follow it."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^\*\*(.+)\*\*$", index, flags=re.MULTILINE)
    groups = {
        heading: [normpath(f"docs/{target}") for target in re.findall(r"\]\((\S+\.md)\)", text)]
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }
    listed = {page for pages in groups.values() for page in pages}
    groups["Measurements"] = [page for page in _published(MEASUREMENTS) if page not in listed]
    start = [{"Overview": "README.md"}, "docs/README.md"]
    config.nav = [*start, *({heading: pages} for heading, pages in groups.items())]


def on_files(files: Files, config: MkDocsConfig) -> None:
    for path in _published(PUBLISHED):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))


def _published(patterns: tuple[str, ...]) -> list[str]:
    paths = (path for pattern in patterns for path in sorted(ROOT.glob(pattern)))
    return [path.relative_to(ROOT).as_posix() for path in paths]
