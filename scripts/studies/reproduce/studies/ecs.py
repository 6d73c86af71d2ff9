"""The tractable model: what ECS predicts, and what unimodal training first gains."""

from pathlib import Path
from typing import Any

from joblib import Memory

from fusion_sched.report.html.document import Chart, Fold, Table
from fusion_sched.runtime.environment import pick_device
from scripts.studies import theory
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.claim import ABSTRACT, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings

RESULT = "result"
MODEL = (
    "; the model and the definition of ECS are reconstructed from summaries and from Huang et al. "
    "2022 (arXiv 2203.12221), see docs/theory.md"
)
RAN = (
    "The tractable model of docs/theory.md: two-layer networks with a smoothed ReLU on sparse "
    "features, late fusion by a sum, full-batch gradient descent, many seeds at once. "
)


def run(settings: Settings, numbers: Measurements) -> None:
    """Run the three studies of this profile."""
    numbers.measure(RESULT, result_of_profile, settings.profile, settings.folder / "cache" / "ecs")


def result_of_profile(profile: str, cache: Path) -> dict[str, Any]:
    """Return the result of the studies, whose finished parts are kept one by one."""
    return theory.run(theory.PROFILES[profile], pick_device("auto"), Memory(cache, verbose=0))


def finding(values: Values, key: str, chart: Chart) -> Finding:
    """Return the study's verdict on one of the three claims, with its chart and tables."""
    verdict, sentence = theory.verdicts(values[RESULT])[key]
    first, *others = [
        Table(t.header, t.rows, t.title, words=(1,) if key == "rates" else ())
        for t in theory.tables(values[RESULT])[key]
    ]
    more = Fold(f"ecs-{key}", "More tables", others)
    return Finding(Verdict(verdict), sentence, [chart, first, more])


def trace_of(series: theory.Series, number: int, **style: Any) -> dict[str, Any]:
    """Return the points of a series as a plotly trace, with their intervals."""
    points = series.points
    return {
        "type": "scatter", "mode": "markers", "name": series.name,
        "x": [p.x for p in points], "y": [p.y for p in points], "text": [p.label for p in points],
        "error_y": {"type": "data", "array": [p.high - p.y for p in points],
                    "arrayminus": [p.y - p.low for p in points]},
        **charts.line_style(number), **style,
    }  # fmt: skip


def conclude_winner(settings: Settings, values: Values) -> Finding:
    """Does the initial ECS predict who wins a class?"""
    series = theory.winner_series(values[RESULT])
    labels = [p.label for p in series[0].points]
    data = [trace_of(s, n, mode="lines+markers") for n, s in enumerate(series)]
    ratio = {"title": "ratio of the two initial ECS", "tickvals": list(range(len(labels))),
             "ticktext": labels}  # fmt: skip
    share = {"title": "winner predicted (share of classes)", "range": [0, 1.02]}
    summary = "Share of contested classes whose winner the larger initial ECS predicts."
    return finding(values, "winner",
                Chart("Who wins", charts.figure(data, ratio, share), summary))  # fmt: skip


def conclude_rates(settings: Settings, values: Values) -> Finding:
    """Does shaping change the exponent of the error in the number of classes?"""
    series, lines = theory.rate_series(values[RESULT])
    drawn = [
        {"type": "scatter", "mode": "lines", "name": line.name, "x": line.x, "y": line.y,
         "line": {**charts.line_style(number)["line"], "dash": "dot", "width": 1}}
        for number, line in enumerate(lines)
    ]  # fmt: skip
    data = [*(trace_of(s, n) for n, s in enumerate(series)), *drawn]
    figure = charts.figure(
        data, {"title": "classes K", "type": "log"}, {"title": "fused test error", "type": "log"},
        pixels=460,
    )  # fmt: skip
    summary = "Fused test error over the number of classes, log-log, with fits and references."
    return finding(values, "rates", Chart("Error by number of classes", figure, summary))


def conclude_proxy(settings: Settings, values: Values) -> Finding:
    """Is mutual information a monotone proxy of ECS?"""
    series = theory.proxy_series(values[RESULT])
    data = [trace_of(s, n, error_y={"visible": False}) for n, s in enumerate(series)]
    strength = {"title": "effective competitive strength, mean over classes", "type": "log"}
    figure = charts.figure(data, strength, "mutual information with the label (bit)")
    summary = "Mutual information over ECS, one point per modality, run and moment."
    return finding(values, "proxy", Chart("Information and strength", figure, summary))


WINNER = Claim(
    name="ecs",
    title="ECS predicts who wins the competition",
    claim="Effective competitive strength quantifies a modality's competitive strength: the "
    "modality with the larger ECS at the start wins the class in joint training.",
    source=ABSTRACT + MODEL,
    ran=RAN + "The larger initial ECS of each class is held against the modality that learned it.",
    holds_if="where one initial ECS is more than 1.2 times the other, it predicts more than "
    "90 % of the contested classes, with its interval",
    measure=run,
    conclude=conclude_winner,
)
RATES = Claim(
    name="ecs",
    title="Error against the number of classes",
    claim="Shaping the initial ECS by unimodal training achieves an error of O(1/K²), against "
    "O(1/K) when competition happens.",
    source=ABSTRACT + MODEL,
    ran=RAN + "Joint training from scratch and from shaped states, with equal numbers of steps, "
    "over K; exponents fitted with intervals over seeds.",
    holds_if="the exponents are within 0.25 of 1 and of 2, and differ significantly",
    measure=run,
    conclude=conclude_rates,
)
PROXY = Claim(
    name="ecs",
    title="Mutual information as a proxy of ECS",
    claim="Mutual information is a principled proxy for ECS.",
    source=ABSTRACT + MODEL,
    ran=RAN + "Exact ECS and the mutual information of each network's response with the label, "
    "over training and over settings: is the order the same?",
    holds_if="the rank correlation within runs is above 0.8 with its interval, and information "
    "predicts winners at most 5 points worse than ECS",
    measure=run,
    conclude=conclude_proxy,
)
