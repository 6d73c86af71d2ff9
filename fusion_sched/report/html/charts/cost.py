"""What the run took: time by purpose, speed, memory."""

from fusion_sched.report.html.charts.style import INK, MUTED, Panel, Trace, figure, line, stacked
from fusion_sched.report.html.document import Chart
from fusion_sched.report.story import Event, Story, number
from fusion_sched.report.words import cost_words, duration, percent

MEBIBYTE = 2**20
PARTS = {"training": ("@1", ""), "diagnoses": ("@2", "/"), "everything else": (MUTED, ".")}


def seconds_by_purpose(story: Story) -> dict[str, float]:
    """Return the seconds of training, diagnoses and, once the run has ended, the rest."""
    result = story.result
    train, probe = number(result, "seconds", "train"), number(result, "seconds", "probe")
    total = number(result, "seconds", "total")
    if train is not None and probe is not None and total is not None:
        rest = max(0.0, total - train - probe)
        return {"training": train, "diagnoses": probe, "everything else": rest}
    return {
        "training": sum(number(e, "seconds") or 0.0 for e in story.epochs),
        "diagnoses": sum(probe_seconds(p) or 0.0 for p in story.probes),
    }


def probe_seconds(probe: Event) -> float | None:
    """Return what a probe took, all its parts together."""
    parts = probe.get("seconds")
    if not isinstance(parts, dict) or not parts:
        return None
    return sum(number(parts, name) or 0.0 for name in parts)


def shares(story: Story) -> Chart | None:
    """Return one bar of the run's time."""
    seconds = seconds_by_purpose(story)
    total = sum(seconds.values())
    if total == 0:
        return None
    data: list[Trace] = [
        {
            "type": "bar", "orientation": "h", "x": [value], "y": [0], "name": purpose,
            "marker": {"color": PARTS[purpose][0], "pattern": {
                "shape": PARTS[purpose][1], "fgcolor": "@surface", "solidity": 0.2,
                "fillmode": "overlay"}},
            "hovertemplate": f"%{{x:.1f}} s, {percent(value / total)}<extra>{purpose}</extra>",
        }
        for purpose, value in seconds.items()
    ]  # fmt: skip
    axis = {"title": {"text": "time [s]"}, "rangemode": "tozero", "zeroline": False}
    hidden = {"visible": False, "fixedrange": True}
    return Chart(
        "Where the time went",
        figure(
            data, 120, axis, hidden, barmode="stack", margin={"l": 12, "r": 12, "t": 8, "b": 44}
        ),
        cost_words(story),
    )


def over_epochs(story: Story) -> Chart | None:
    """Return seconds per epoch and per diagnosis, and the speed."""
    panels = []
    x = [e["epoch"] + 1 for e in story.epochs]
    trained = [number(e, "seconds") for e in story.epochs]
    probed = [(p["epoch"] + 1, s) for p in story.probes if (s := probe_seconds(p)) is not None]
    traces = []
    if any(value is not None for value in trained):
        traces.append(line(x, trained, "training epoch", ("@1", "solid", "circle"),
                           hover="%{y:.3f} s"))  # fmt: skip
    if probed:
        at, taken = zip(*probed, strict=True)
        traces.append(line(at, taken, "diagnosis", ("@2", "dash", "square"), hover="%{y:.3f} s",
                           markers=True))  # fmt: skip
    if traces:
        panels.append(Panel("time [s]", traces, axis={"rangemode": "tozero"}))
    speed = [number(e, "samples_per_second") for e in story.epochs]
    if any(value is not None for value in speed):
        panels.append(
            Panel("speed [samples/s]",
                  [line(x, speed, "samples per second", (INK, "dot", "circle"),
                        hover="%{y:,.0f} /s")], axis={"rangemode": "tozero"})
        )  # fmt: skip
    if not panels:
        return None
    axis = {"title": {"text": "epoch (0: untrained)"}, "zeroline": False, "showgrid": False,
            "range": [-0.5, max(x + [at for at, _ in probed], default=1) + 0.6],
            "unifiedhovertitle": {"text": "epoch %{x}"}}  # fmt: skip
    known = sorted(value for value in speed if value is not None)
    middle = f"The middle epoch trains {known[len(known) // 2]:,.0f} samples/s. " if known else ""
    slowest = max((s for _, s in probed), default=None)
    probe = "" if slowest is None else f"The longest diagnosis took {duration(slowest)}."
    return Chart("Cost of each epoch", stacked(panels, axis), f"{middle}{probe}".strip())


def memory(story: Story) -> str | None:
    """Return the peak memory."""
    peak = number(story.result, "peak_memory_bytes")
    return None if peak is None else f"{peak / MEBIBYTE:,.0f} MiB"
