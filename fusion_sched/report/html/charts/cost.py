"""What the run took: time by purpose, speed."""

from statistics import median_high

from fusion_sched.report.html.charts.style import (
    MUTED,
    AxisPanel,
    Trace,
    curve,
    figure,
    over_epochs,
    panel_stack,
)
from fusion_sched.report.html.document import Chart
from fusion_sched.report.palette import LineStyle
from fusion_sched.report.panels import seconds_by_purpose
from fusion_sched.report.view import RunView
from fusion_sched.report.words import cost_words, duration, in_percent

PARTS = {
    "training": (MUTED, ""),
    "diagnoses": ("@muted~0.6", "/"),
    "everything else": ("@muted~0.3", "."),
}
TRAINING, DIAGNOSIS = LineStyle("muted", "solid", "circle"), LineStyle("muted", "dash", "square")
SPEED = LineStyle("muted", "dot", "circle")
FROM_ZERO = {"rangemode": "tozero"}


def time_shares(view: RunView) -> Chart | None:
    seconds = seconds_by_purpose(view)
    total = sum(seconds.values())
    if total == 0:
        return None
    data: list[Trace] = [
        {
            "type": "bar", "orientation": "h", "x": [value], "y": [0], "name": purpose,
            "marker": {"color": PARTS[purpose][0], "pattern": {
                "shape": PARTS[purpose][1], "fgcolor": "@surface", "solidity": 0.2,
                "fillmode": "overlay"}},
            "hovertemplate": f"%{{x:.1f}} s, {in_percent(value / total)}<extra>{purpose}</extra>",
        }
        for purpose, value in seconds.items()
    ]  # fmt: skip
    axis = {"title": {"text": "time [s]"}, "rangemode": "tozero", "zeroline": False}
    hidden = {"visible": False, "fixedrange": True}
    margin = {"l": 12, "r": 12, "t": 8, "b": 44}
    made = figure(data, 120, axis, hidden, barmode="stack", margin=margin)
    return Chart("Where the time went", made, cost_words(view))


def epoch_costs(view: RunView) -> Chart | None:
    """Seconds per epoch and per diagnosis, and the speed."""
    x = [e.number for e in view.epochs]
    probed = [(p.number, p.seconds) for p in view.probes if p.seconds is not None]
    speeds = [e.samples_per_second for e in view.epochs]
    traces, panels = [], []
    if any(e.seconds is not None for e in view.epochs):
        trained = [e.seconds for e in view.epochs]
        traces.append(curve(x, trained, "training epoch", TRAINING, hover="%{y:.3f} s"))
    if probed:
        at, taken = zip(*probed, strict=True)
        traces.append(curve(at, taken, "diagnosis", DIAGNOSIS, hover="%{y:.3f} s", markers=True))
    if traces:
        panels.append(AxisPanel("time [s]", traces, axis=FROM_ZERO))
    known = [speed for speed in speeds if speed is not None]
    if known:
        line = curve(x, speeds, "samples per second", SPEED, hover="%{y:,.0f} /s")
        panels.append(AxisPanel("speed [samples/s]", [line], axis=FROM_ZERO))
    if not panels:
        return None
    sentences = []
    if known:
        sentences.append(f"The middle epoch trains {median_high(known):,.0f} samples/s.")
    if probed:
        longest = max(seconds for _, seconds in probed)
        sentences.append(f"The longest diagnosis took {duration(longest)}.")
    last = max([*x, *(at for at, _ in probed)], default=1)
    return Chart("Cost of each epoch", panel_stack(panels, over_epochs(last)), " ".join(sentences))
