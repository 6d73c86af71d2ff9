"""make reproduce-paper [PROFILE=quick|full] [PATHS=FILE]: every claim, measured, in one report.

outputs/reproduce/PROFILE gets one JSON of numbers per study, the runs, report.html, and its
verdicts as verdicts.md. An interrupted command continues: finished measurements lie in cache/STUDY,
trainings in runs/STUDY; delete either to measure or train anew.
"""

import os
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fusion_sched.report.html.document import Section, Table, Text, write_page
from scripts.studies.reproduce.claim import Claim, Finding, Verdict
from scripts.studies.reproduce.measurements import Measurements, machine
from scripts.studies.reproduce.settings import PROFILES, Settings, read_paths
from scripts.studies.reproduce.studies import CLAIMS

HERE = Path(__file__).parent
OUTPUT = Path("outputs/reproduce")
PAGE = "report.html"


def main() -> None:
    profile = os.environ.get("PROFILE", "quick")
    if profile not in PROFILES:
        sys.exit(f"error: PROFILE is {profile!r}, expected one of {list(PROFILES)}")
    started = time.perf_counter()
    present, missing = read_paths(Path(os.environ.get("PATHS", HERE / "paths.yaml")))
    settings = Settings(profile, OUTPUT / profile, present, missing)
    settings.folder.mkdir(parents=True, exist_ok=True)
    numbers = measure(settings)
    findings = {c: c.conclude(settings, numbers[c.name].values) for c in CLAIMS}
    write_report(settings, findings, numbers)
    (settings.folder / "verdicts.md").write_text(markdown(findings), encoding="utf-8")
    for number, (claim, finding) in enumerate(findings.items(), start=1):
        print(f"{number:2d}. {claim.title}: {finding.verdict}")
    print(f"{settings.folder / PAGE}, {(time.perf_counter() - started) / 60:.1f} minutes")


def measure(settings: Settings) -> dict[str, Measurements]:
    """Measure study by study; claims of one name share their numbers."""
    numbers: dict[str, Measurements] = {}
    for claim in CLAIMS:
        if claim.name not in numbers:
            print(claim.name, flush=True)
            numbers[claim.name] = Measurements(settings.folder, claim.name)
            claim.measure(settings, numbers[claim.name])
            numbers[claim.name].write()
    return numbers


def markdown(findings: Mapping[Claim, Finding]) -> str:
    """Return all verdicts as a table for a text."""
    lines = ["| | claim | verdict | result |", "|---|---|---|---|"]
    for number, (claim, finding) in enumerate(findings.items(), start=1):
        sentence = finding.sentence.replace("|", "\\|")
        lines.append(f"| {number} | {claim.title} | {finding.verdict} | {sentence} |")
    return "\n".join(lines) + "\n"


def write_report(
    settings: Settings, findings: Mapping[Claim, Finding], numbers: Mapping[str, Measurements]
) -> None:
    counts = {v: sum(f.verdict is v for f in findings.values()) for v in Verdict}
    claims = len(findings) - counts.pop(Verdict.BEYOND)
    lead = "; ".join(f"{number} {verdict}" for verdict, number in counts.items())
    minutes = sum(study.seconds for study in numbers.values()) / 60
    paths = f" PATHS={os.environ['PATHS']}" if "PATHS" in os.environ else ""
    sections = [overview(findings)]
    sections += [
        section(f"{number}. {claim.title}", claim, finding, numbers[claim.name])
        for number, (claim, finding) in enumerate(findings.items(), start=1)
    ]
    facts = {
        "claims reproduced": f"{counts[Verdict.REPRODUCED]} of {claims}",
        "command": f"make reproduce-paper PROFILE={settings.profile}{paths}",
        "written": date.today().isoformat(),
        "machine": machine(),
        "measured in": f"{minutes:.0f} minutes, trainings not counted",
        "data that is here": ", ".join(settings.paths) or "built-in only",
        "data that is not": ", ".join(f"{n} ({p})" for n, p in settings.missing.items()) or "none",
    }
    title = f"Two-stage scheduling by FastPID: what can be checked ({settings.profile})"
    write_page(settings.folder / PAGE, title, f"{claims} claims of arXiv 2509.20840: {lead}.",
               sections, facts=facts)  # fmt: skip


def overview(findings: Mapping[Claim, Finding]) -> Section:
    """Return all verdicts in one table."""
    rows = [
        [f"{number}. {claim.title}", finding.verdict, finding.sentence]
        for number, (claim, finding) in enumerate(findings.items(), start=1)
    ]
    caption = "A claim counts as reproduced only where the numbers below show it on this machine."
    table = Table(["claim", "verdict", "in one sentence"], rows, caption, words=(1, 2))
    return Section("verdicts", "Verdicts", [table])


def section(title: str, claim: Claim, finding: Finding, numbers: Measurements) -> Section:
    """Return one claim with its source, what was run, the result and where the numbers lie."""
    dates = sorted({f"{part['date']}, {part['machine']}" for part in numbers.parts.values()})
    places = [str(numbers.path), *map(str, finding.files[:8])]
    more = len(finding.files) - 8
    origin = f"Numbers: {', '.join(places)}{f' and {more} more' if more > 0 else ''}."
    head = Text([
        f"Claim: {claim.claim}", f"Source: {claim.source}.", f"What was run: {claim.ran}",
        f"Counts as reproduced if {claim.holds_if}.", f"Result: {finding.sentence}",
    ])  # fmt: skip
    tail = Text([origin, f"Measured {'; '.join(dates)}." if dates else "Nothing was measured."])
    return Section(f"claim-{title.partition('.')[0]}", title, [head, *finding.blocks, tail],
                   status=finding.verdict)  # fmt: skip


if __name__ == "__main__":
    main()
