"""make reproduce-paper [PROFILE=quick|full] [PATHS=FILE]: every claim, measured, in one report.

Everything lies in outputs/reproduce/PROFILE: one JSON of numbers per study, the runs, report.html,
and its verdicts as verdicts.md. What has been measured is kept: interrupted, the command goes on
where it was; delete STUDY.json to measure a study anew, and runs/STUDY where it trains.
"""

import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fusion_sched.report.html.document import Section, Table, Text, write_page
from scripts.studies.reproduce.bench import PROFILES, Bench, Notebook, machine, read_paths
from scripts.studies.reproduce.claim import Claim, Told, Verdict
from scripts.studies.reproduce.studies import CLAIMS

HERE = Path(__file__).parent
OUTPUT = Path("outputs/reproduce")


def main() -> None:
    profile = os.environ.get("PROFILE", "quick")
    if profile not in PROFILES:
        sys.exit(f"error: PROFILE is {profile!r}, expected one of {list(PROFILES)}")
    started = time.perf_counter()
    present, missing = read_paths(Path(os.environ.get("PATHS", HERE / "paths.yaml")))
    bench = Bench(profile, OUTPUT / profile, present, missing)
    bench.folder.mkdir(parents=True, exist_ok=True)
    books = measure(bench)
    told = [claim.tell(bench, books[claim.name].values()) for claim in CLAIMS]
    output = bench.folder / "report.html"
    write(output, bench, told, books)
    (bench.folder / "verdicts.md").write_text(markdown(told), encoding="utf-8")
    print(summary(told))
    print(f"{output}, {(time.perf_counter() - started) / 60:.1f} minutes")


def measure(bench: Bench) -> dict[str, Notebook]:
    """Measure what has not been, study by study, and return all notebooks."""
    books: dict[str, Notebook] = {}
    for claim in CLAIMS:
        if claim.name not in books:
            print(claim.name, flush=True)
            books[claim.name] = Notebook.open(bench.file(claim.name))
            claim.measure(bench, books[claim.name])
    return books


def summary(told: Sequence[Told]) -> str:
    """Return the verdicts, one line each."""
    pairs = zip(CLAIMS, told, strict=True)
    return "\n".join(f"{n:2d}. {c.title}: {t.verdict}" for n, (c, t) in enumerate(pairs, start=1))


def markdown(told: Sequence[Told]) -> str:
    """Return all verdicts as a table for a text."""
    lines = ["| | claim | verdict | what was found |", "|---|---|---|---|"]
    for n, (claim, one) in enumerate(zip(CLAIMS, told, strict=True), start=1):
        sentence = one.sentence.replace("|", "\\|")
        lines.append(f"| {n} | {claim.title} | {one.verdict} | {sentence} |")
    return "\n".join(lines) + "\n"


def write(output: Path, bench: Bench, told: Sequence[Told], books: dict[str, Notebook]) -> None:
    """Write the report."""
    counts = {v: sum(t.verdict is v for t in told) for v in Verdict}
    claims = len(told) - counts.pop(Verdict.BEYOND)
    lead = "; ".join(f"{number} {verdict}" for verdict, number in counts.items())
    minutes = sum(book.seconds for book in books.values()) / 60
    paths = f" PATHS={os.environ['PATHS']}" if "PATHS" in os.environ else ""
    sections = [overview(told)]
    sections += [
        section(n, claim, one, bench, books[claim.name])
        for n, (claim, one) in enumerate(zip(CLAIMS, told, strict=True), start=1)
    ]
    facts = {
        "claims reproduced": f"{counts[Verdict.REPRODUCED]} of {claims}",
        "command": f"make reproduce-paper PROFILE={bench.profile}{paths}",
        "written": date.today().isoformat(),
        "machine": machine(),
        "measured in": f"{minutes:.0f} minutes, trainings not counted",
        "data that is here": ", ".join(bench.paths) or "built-in only",
        "data that is not": ", ".join(f"{n} ({p})" for n, p in bench.missing.items()) or "none",
    }
    title = f"Two-stage scheduling by FastPID: what can be checked ({bench.profile})"
    write_page(output, title, f"{claims} claims of arXiv 2509.20840: {lead}.", sections,
               facts=facts)  # fmt: skip


def overview(told: Sequence[Told]) -> Section:
    """Return all verdicts in one table."""
    rows = [
        [f"{n}. {claim.title}", one.verdict, one.sentence]
        for n, (claim, one) in enumerate(zip(CLAIMS, told, strict=True), start=1)
    ]
    caption = "A claim counts as reproduced only where the numbers below show it on this machine."
    return Section("verdicts", "Verdicts", [Table(["claim", "verdict", "in one sentence"], rows,
                                                  caption, words=(1, 2))])  # fmt: skip


def section(number: int, claim: Claim, told: Told, bench: Bench, book: Notebook) -> Section:
    """Return one claim with claim, source, what was run, result and where the numbers lie."""
    dates = sorted({f"{part['date']}, {part['machine']}" for part in book.parts.values()})
    places = [str(book.path), *map(str, told.files[:8])]
    more = len(told.files) - 8
    origin = f"Numbers: {', '.join(places)}{f' and {more} more' if more > 0 else ''}."
    head = Text([
        f"Claim: {claim.claim}", f"Source: {claim.source}.", f"What was run: {claim.ran}",
        f"Counts as reproduced if {claim.holds_if}.", f"Result: {told.sentence}",
    ])  # fmt: skip
    tail = Text([origin, f"Measured {'; '.join(dates)}." if dates else "Nothing was measured."])
    return Section(f"claim-{number}", f"{number}. {claim.title}", [head, *told.blocks, tail],
                   status=told.verdict)  # fmt: skip


if __name__ == "__main__":
    main()
