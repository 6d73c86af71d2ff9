"""The tractable model: what effective competitive strength foretells, and what shaping gains."""

import time
from typing import Any

from fusion_sched.report.html.document import Chart, Fold, Table
from fusion_sched.runtime.environment import pick_device
from scripts.studies import theory
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.bench import Bench, Notebook
from scripts.studies.reproduce.claim import ABSTRACT, Claim, Told, Values, Verdict

RESULT = "result"
MODEL = (
    "; the model and the definition of ECS are reconstructed from summaries and from Huang et al. "
    "2022 (arXiv 2203.12221), see docs/theory.md"
)
RAN = (
    "The tractable model of docs/theory.md: two-layer networks with a smoothed ReLU on sparse "
    "features, late fusion by a sum, full-batch gradient descent, many seeds at once. "
)


def run(bench: Bench, notebook: Notebook) -> None:
    """Run the three studies of this profile; parts that are there are kept."""
    started, spent = time.perf_counter(), notebook.seconds
    done = notebook.values().get(RESULT)
    if done is not None and done["summary"]:
        return

    def save(result: dict[str, Any]) -> None:
        notebook.keep(RESULT, result, spent + time.perf_counter() - started)
        print(f"  ecs: {theory.progress(result)}", flush=True)

    save(theory.run(theory.PROFILES[bench.profile], pick_device("auto"), done, save))


def told(values: Values, key: str, chart: Chart) -> Told:
    """Return the package's own verdict on one of the three claims, with its chart and tables."""
    verdict, sentence = theory.verdicts(values[RESULT])[key]
    first, *others = [
        Table(t.header, t.rows, t.title, words=(1,) if key == "rates" else ())
        for t in theory.tables(values[RESULT])[key]
    ]
    more = Fold(f"ecs-{key}", "More tables", others)
    return Told(Verdict(verdict), sentence, [chart, first, more])


def points(series: theory.Series, number: int, **style: Any) -> dict[str, Any]:
    """Return the points of a series as a plotly trace, with their intervals."""
    found = series.points
    return {
        "type": "scatter", "mode": "markers", "name": series.name,
        "x": [p.x for p in found], "y": [p.y for p in found], "text": [p.label for p in found],
        "error_y": {"type": "data", "array": [p.high - p.y for p in found],
                    "arrayminus": [p.y - p.low for p in found]},
        **charts.look(number), **style,
    }  # fmt: skip


def tell_winner(bench: Bench, values: Values) -> Told:
    """Does the initial ECS foretell who wins a class?"""
    series = theory.winner_series(values[RESULT])
    labels = [p.label for p in series[0].points]
    data = [points(s, n, mode="lines+markers") for n, s in enumerate(series)]
    ratio = {"title": "ratio of the two initial ECS", "tickvals": list(range(len(labels))),
             "ticktext": labels}  # fmt: skip
    share = {"title": "winner foretold (share of classes)", "range": [0, 1.02]}
    summary = "Share of contested classes whose winner the larger initial ECS foretells."
    return told(values, "winner",
                Chart("Who wins", charts.figure(data, ratio, share), summary))  # fmt: skip


def tell_rates(bench: Bench, values: Values) -> Told:
    """Does shaping change the exponent of the error in the number of classes?"""
    series, lines = theory.rate_series(values[RESULT])
    drawn = [
        {"type": "scatter", "mode": "lines", "name": line.name, "x": line.x, "y": line.y,
         "line": {**charts.look(number)["line"], "dash": "dot", "width": 1}}
        for number, line in enumerate(lines)
    ]  # fmt: skip
    data = [*(points(s, n) for n, s in enumerate(series)), *drawn]
    figure = charts.figure(
        data, {"title": "classes K", "type": "log"}, {"title": "fused test error", "type": "log"},
        pixels=460,
    )  # fmt: skip
    summary = "Fused test error over the number of classes, log-log, with fits and references."
    return told(values, "rates", Chart("Error by number of classes", figure, summary))


def tell_proxy(bench: Bench, values: Values) -> Told:
    """Is mutual information a monotone proxy of ECS?"""
    series = theory.proxy_series(values[RESULT])
    data = [points(s, n, error_y={"visible": False}) for n, s in enumerate(series)]
    strength = {"title": "effective competitive strength, mean over classes", "type": "log"}
    figure = charts.figure(data, strength, "mutual information with the label (bit)")
    summary = "Mutual information over ECS, one point per modality, run and moment."
    return told(values, "proxy", Chart("Information and strength", figure, summary))


WINNER = Claim(
    name="ecs",
    title="ECS foretells who wins the competition",
    claim="Effective competitive strength quantifies a modality's competitive strength: the "
    "modality with the larger ECS at the start wins the class in joint training.",
    source=ABSTRACT + MODEL,
    ran=RAN + "The larger initial ECS of each class is held against the modality that learned it.",
    holds_if="where one initial ECS is more than 1.2 times the other, it foretells more than "
    "90 % of the contested classes, with its interval",
    measure=run,
    tell=tell_winner,
)
RATES = Claim(
    name="ecs",
    title="Error against the number of classes",
    claim="Shaping the initial ECS by unimodal training achieves an error of O(1/K²), against "
    "O(1/K) when competition happens.",
    source=ABSTRACT + MODEL,
    ran=RAN + "Joint training from scratch and from shaped states, with equal numbers of steps, "
    "over K; exponents fitted with intervals over seeds.",
    holds_if="the exponents are within 0.25 of 1 and of 2, and surely differ",
    measure=run,
    tell=tell_rates,
)
PROXY = Claim(
    name="ecs",
    title="Mutual information as a proxy of ECS",
    claim="Mutual information is a principled proxy for ECS.",
    source=ABSTRACT + MODEL,
    ran=RAN + "Exact ECS and the mutual information of each network's response with the label, "
    "over training and over settings: is the order the same?",
    holds_if="the rank correlation within runs is above 0.8 with its interval, and information "
    "foretells winners at most 5 points worse than ECS",
    measure=run,
    tell=tell_proxy,
)
