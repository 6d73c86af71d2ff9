"""The live view of a run at one moment, as an SVG: what docs/live.svg was made by.

python scripts/draw_live_view.py RUN OUT.svg [EPOCH]

RUN is the folder of a run that has begun; the moment is just after EPOCH (counted from 1; default:
the last time that a modality is paused, else two thirds of the epochs), with its diagnosis and
decision, as it was on a terminal of 140 columns. The SVG asks for nothing from outside.
"""

import io
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from fusion_sched.report.live import Picture
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace, read_trace

COLUMNS, LINES = 140, 40
FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def main() -> None:
    trace, out = read_trace(Path(sys.argv[1])), Path(sys.argv[2])
    epoch = int(sys.argv[3]) - 1 if len(sys.argv) > 3 else telling_epoch(trace)
    view = RunView(trace.start)
    for event in trace.events:
        if event["event"] == "result" or event.get("epoch", epoch) > epoch:
            break
        view.add(event)
    out.write_text(draw(view, moment(trace, view.seconds or 0.0)), encoding="utf-8")
    print(f"{out}: {trace.start['run']} after epoch {epoch + 1}")


def telling_epoch(trace: Trace) -> int:
    """An epoch that shows much: with someone paused after it, where anyone ever was."""
    epochs, everyone = trace.of("epoch"), len(trace.start["modalities"])
    before = [e["epoch"] - 1 for e in epochs[1:] if len(e["active"]) < everyone]
    return before[-1] if before else epochs[2 * len(epochs) // 3]["epoch"]


def moment(trace: Trace, seconds: float) -> datetime:
    """When the run had taken so long: its last event was written when the file was."""
    written = datetime.fromtimestamp(trace.path.stat().st_mtime)
    return written - timedelta(seconds=trace.events[-1]["time"] - seconds)


def draw(view: RunView, now: datetime) -> str:
    """The picture as an SVG in the fonts of whoever looks at it."""
    console = Console(
        width=COLUMNS, height=LINES, record=True, file=io.StringIO(), force_terminal=True,
        color_system="truecolor",
    )  # fmt: skip
    console.print(Picture(view, now))
    own = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    own = own.replace("Fira Code, monospace", FONTS)
    return console.export_svg(title="fusion-sched train", code_format=own, unique_id="live")


if __name__ == "__main__":
    main()
