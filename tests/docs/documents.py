"""What the documentation asks its reader to do: files to write, and commands to run, in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)  # fmt: skip
EXPERIMENTS = tuple(sorted((ROOT / "conf" / "experiment").glob("*.yaml")))

COMMAND = re.compile(
    r"(?:[A-Z_]+=\S* )*"
    r"(?:(?:fusion-sched|make|torchrun|python|pip) .+|\.venv/bin/.+|\.ci/run.*|scripts/\S+\.sh.*)",
    flags=re.S,
)
"""What counts as a command: the name of a program alone does not."""
FENCE = re.compile(r"\s*```(\w*)")
FILE = re.compile(r"<!-- file: (\S+) -->")
SHELL = ("", "bash", "sh", "console", "text")
"""Languages of blocks that may hold commands."""


@dataclass(frozen=True)
class Step:
    """One thing to do: write ``content`` into the file ``text``, or run the command ``text``."""

    place: str
    text: str
    content: str | None = None


def steps_of(document: Path) -> list[Step]:
    """Return what the document asks for, in its order; the same command only once."""
    name, text = document.relative_to(ROOT).as_posix(), document.read_text(encoding="utf-8")
    found = read_head(text) if document.suffix == ".yaml" else read_page(text)
    steps: dict[str, Step] = {}
    for line, asked, content in found:
        steps.setdefault(asked, Step(f"{name}:{line}", asked, content))
    return list(steps.values())


def read_head(text: str) -> Iterator[tuple[int, str, None]]:
    """Find the commands in the comments at the head of an experiment."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            words = line.strip("# ").removeprefix("Command:").strip()
            yield from ((number, command, None) for command in commands_in(words))


def read_page(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Find files and commands in blocks of code, and commands among words."""
    lines = text.splitlines()
    words: list[str] = []
    file, number = "", 0
    while number < len(lines):
        line, begin = lines[number], number
        fence = FENCE.match(line)
        indented = line.startswith("    ") and not words
        if fence or indented or not line.strip() or line.startswith("<!--"):
            yield from ((begin, command, None) for command in inline("\n".join(words)))
            words = []
        named = FILE.match(line)
        file = named[1] if named else file
        if fence:
            number = end_of(lines, number)
            block = lines[begin + 1 : number]
            if file:
                yield begin + 1, file, "\n".join(block) + "\n"
            elif fence[1] in SHELL:
                yield from ((begin + 1, command, None) for command in in_block(block))
            file = ""
        elif indented:
            while lines[number].endswith("\\"):
                number += 1
            block = lines[begin : number + 1]
            yield from ((begin + 1, command, None) for command in in_block(block))
        elif line.strip() and not line.startswith("<!--"):
            words.append(line)
        number += 1
    yield from ((number, command, None) for command in inline("\n".join(words)))


def end_of(lines: list[str], begin: int) -> int:
    """Return where the fence that opens at ``begin`` closes."""
    return next(n for n in range(begin + 1, len(lines)) if lines[n].strip() == "```")


def in_block(lines: list[str]) -> Iterator[str]:
    """Find the commands in lines of code; a backslash at the end goes on in the next line."""
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        yield from commands_in(line.strip().removeprefix("$ "))


def inline(words: str) -> Iterator[str]:
    """Find the commands in backquotes, which may go over the end of a line."""
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", words):
        yield from commands_in(" ".join(code.split()))


def commands_in(line: str) -> Iterator[str]:
    """Return the commands of a line, without its comment; usage with [OPTIONS] is none."""
    for part in re.sub(r"(?:^|\s+)#\s.*", "", line).split(" && "):
        if COMMAND.fullmatch(part.strip()) and not re.search(r"\s[\[{]\w", part):
            yield part.strip()


def links_of(page: Path) -> list[str]:
    """Return the targets of links and pictures that are not of the web, without their anchors."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"`[^`]*`", "", text)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
