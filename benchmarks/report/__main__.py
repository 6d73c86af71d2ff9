"""python -m benchmarks.report [--output RESULTS.md]: the page of a run of 200 epochs, 41 diagnoses.

Trains such a run unless it is there, writes its page several times, and opens it in headless
Chromium: its size, the seconds to write it, until it can be read, and until all is drawn. The
peer is the page that plotly itself writes of as many charts, opened by turns in the same browser.
"""

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import plotly
import plotly.graph_objects as go
from playwright.sync_api import Browser, sync_playwright

from benchmarks.machine import processor
from fusion_sched.report import write_report
from fusion_sched.runlog import read_trace

RUN = Path("outputs/benchmarks/report")
COMMAND = str(Path(sys.executable).with_name("fusion-sched"))
OVERRIDES = ("dataset=digits_noisy", "stage1.epochs=100", "stage2.epochs=100", "probe.every=5",
             "probe.joint_every=5", f"hydra.run.dir={RUN}")  # fmt: skip
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TIMES = 5
TARGETS = {"size": "6 MB", "written": "5 s", "read": "2 s", "drawn": ""}
DRAWN = "window.fusionReport && window.fusionReport.drawn === window.fusionReport.total"
BY_PEER = "document.querySelectorAll('.main-svg').length >= 12"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    output = parser.parse_args().output
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: neither chromium nor google-chrome is on the path; install one of them")
    if not (RUN / "trace.jsonl").exists():
        subprocess.run([COMMAND, "train", *OVERRIDES], check=True)
    page, peer = RUN.resolve() / "report.html", RUN.resolve() / "peer.html"
    written = [seconds_to_write(page) for _ in range(TIMES)]
    write_peer(peer)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        ours, theirs = zip(
            *((open_page(browser, page, DRAWN), open_page(browser, peer, BY_PEER))
              for _ in range(TIMES)),
            strict=True,
        )  # fmt: skip
        browser.close()
    text = report(page, peer, written, ours, theirs)
    output.write_text(text, encoding="utf-8")
    print(text)


def seconds_to_write(page: Path) -> float:
    started = time.perf_counter()
    write_report([RUN], page)
    return time.perf_counter() - started


def write_peer(page: Path) -> None:
    """Twelve charts of three curves, each of 200 points, in plotly's own way."""
    parts = []
    for number in range(12):
        figure = go.Figure([go.Scatter(y=[k * number % 7 for k in range(200)]) for _ in range(3)])
        parts.append(figure.to_html(full_html=False, include_plotlyjs=number == 0))
    page.write_text("<html><body>" + "".join(parts) + "</body></html>", encoding="utf-8")


def open_page(browser: Browser, page: Path, drawn: str) -> tuple[float, float]:
    """Return the seconds until the page is parsed, and until every chart is drawn."""
    # The page forbids evaluation of strings, which is how the browser is asked whether it is done.
    tab = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    started = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="domcontentloaded")
    parsed = time.perf_counter() - started
    tab.wait_for_function(drawn, timeout=60_000)
    seconds = time.perf_counter() - started
    tab.close()
    return parsed, seconds


def report(
    page: Path,
    peer: Path,
    written: list[float],
    ours: tuple[tuple[float, float], ...],
    theirs: tuple[tuple[float, float], ...],
) -> str:
    trace = read_trace(RUN)
    read, drawn = (statistics.median(column) for column in zip(*ours, strict=True))
    peer_read, peer_drawn = (statistics.median(column) for column in zip(*theirs, strict=True))
    rows = [
        ("size", f"{megabytes(page):.1f} MB", f"{megabytes(peer):.1f} MB", TARGETS["size"]),
        ("written in", f"{statistics.median(written):.2f} s", "", TARGETS["written"]),
        ("can be read after", f"{read:.2f} s", f"{peer_read:.2f} s", TARGETS["read"]),
        ("every chart drawn after", f"{drawn:.2f} s", f"{peer_drawn:.2f} s", TARGETS["drawn"]),
    ]
    lines = [
        "# The page of a run", "",
        f"`python -m benchmarks.report`, {date.today()}, {processor()}, Python "
        f"{platform.python_version()}, plotly {plotly.__version__}. {len(trace.of('epoch'))} "
        f"epochs, {len(trace.of('probe'))} diagnoses; medians of {TIMES}. Peer: a page that plotly "
        "writes of twelve plain charts.", "",
        "| | ours | peer | target: under |", "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


if __name__ == "__main__":
    main()
