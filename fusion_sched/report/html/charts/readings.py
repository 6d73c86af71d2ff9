"""What each source tells of the label on samples it was trained on, and on others."""

from fusion_sched.report.html.charts.style import (
    MUTED,
    Trace,
    error_bars,
    figure,
    level_line,
    points,
    rows_axis,
    theme_colour,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.readings import (
    SourceReadings,
    source_readings,
)
from fusion_sched.report.view import RunView
from fusion_sched.report.words import (
    NOTHING,
    diagnosed_samples,
    estimate_words,
    fixed,
    sentence_case,
)

ROW_PIXELS, DODGE = 60, 0.17
"""Pixels of a row, and how far its readings are from its middle."""
HOVER = "%{customdata[0]}: %{customdata[1]} bit<extra>%{fullData.name}</extra>"


def readings(view: RunView) -> Chart | None:
    """Each reading with its interval and its lower bound, at the moments that matter.

    `None` where the probe has neither lower bounds nor a second reading.
    """
    sources = {m.name: source_readings(view, m.probe) for m in view.moments}
    if not any(sources.values()):
        return None
    main = view.main_moment
    data = [trace for name, rows in sources.items() for trace in _moment_traces(name, rows)]
    labels = [source.label for source in sources[main.name]]
    entropy = main.probe.diagnosis.label_entropy
    data.append(level_line(entropy, len(labels), "H(Y)", "longdash",
                           "H(Y): %{x:.3f} bit<extra></extra>", showlegend=False))  # fmt: skip
    least = min(_least(source) for rows in sources.values() for source in rows)
    margin = 0.04 * (entropy - least)
    axis = {"title": {"text": "information I(X; Y) [bit]"}, "zeroline": False,
            "range": [least - margin, entropy + margin]}  # fmt: skip
    made = figure(data, ROW_PIXELS * len(labels) + 60, axis, rows_axis(labels))
    made["layout"]["meta"] = {"choice": main.name}
    both = any(len(source.readings) > 1 for source in sources[main.name])
    name = "Stored and generalising information" if both else "Information and its lower bounds"
    text = "Stored: training samples; generalising: validation samples; dashed: H(Y)."
    if not both:
        text = f"{sentence_case(diagnosed_samples(view))}; dashed: H(Y)."
    return Chart(name, made, text, _numbers(sources))


def _least(source: SourceReadings) -> float:
    """The lowest number that is drawn of a source."""
    ends = [e.value if e.low is None else e.low for e in (r.estimate for r in source.readings)]
    bounds = [max(0.0, r.lower) for r in source.readings if r.lower is not None]
    return min(ends + bounds)


def _moment_traces(moment: str, sources: list[SourceReadings]) -> list[Trace]:
    """Per reading its points with intervals, then all lower bounds as upright ticks."""
    count = max(len(source.readings) for source in sources)
    rows = [
        (row + DODGE * (2 * place - count + 1), place, source.readings[place], source)
        for row, source in enumerate(sources)
        for place in range(len(source.readings))
    ]
    traces = []
    for place in range(count):
        shown = [(y, r, s) for y, p, r, s in rows if p == place]
        symbol = "circle-open" if place else "circle"
        colours = [theme_colour(s.style) for *_, s in shown]
        marker = {"color": colours, "symbol": symbol, "size": 9,
                  "line": {"width": 2, "color": colours}}  # fmt: skip
        traces.append(points(
            [r.estimate.value for _, r, _ in shown], [y for y, *_ in shown], shown[0][1].name,
            marker, HOVER, error_x=error_bars([r.estimate for _, r, _ in shown], MUTED, 1.5),
            customdata=[[plain(s.label), estimate_words(r.estimate)] for _, r, s in shown],
            meta={"choice": moment},
        ))  # fmt: skip
    bounds = [(y, max(0.0, r.lower), s.label) for y, _, r, s in rows if r.lower is not None]
    marker = {"color": MUTED, "symbol": "line-ns-open", "size": 15, "line": {"width": 3}}
    traces.append(points(
        [x for _, x, _ in bounds], [y for y, *_ in bounds], "held-out lower bound", marker, HOVER,
        customdata=[[plain(label), f"at least {fixed(x)}"] for _, x, label in bounds],
        meta={"choice": moment},
    ))  # fmt: skip
    return traces


def _numbers(sources: dict[str, list[SourceReadings]]) -> Table:
    rows = [
        [
            f"{source.label}, {moment}", reading.name, estimate_words(reading.estimate),
            fixed(None if reading.lower is None else max(0.0, reading.lower)),
            reading.model or NOTHING, estimate_words(source.difference),
        ]
        for moment, of_moment in sources.items()
        for source in of_moment
        for reading in source.readings
    ]  # fmt: skip
    header = ["bit", "reading", "I(X; Y)", "at least", "label model", "stored − generalising"]
    caption = (
        "Information with its 95 % interval, its held-out lower bound H(Y) − cross-entropy, and "
        "the label model with the largest share."
    )
    return Table(header, rows, caption, words=(1, 4))
