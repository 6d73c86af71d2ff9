"""More than two modalities, which the paper names as future work."""

from pathlib import Path

import torch

from fusion_sched.report.html.document import Table
from fusion_sched.runlog import diagnosis_from, hand_over_probe, read_trace
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings
from scripts.studies.runner import fused_accuracy, mean_over_seeds, train_methods

METHODS = ("evidence", "pid", "fine_tuned", "joint")
BUILT_IN = {"digits_thirds": ("+experiment=digits_thirds",)}


def datasets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the data with three modalities that is here and can be trained on."""
    if "mosi" not in settings.paths or (settings.quick and not torch.cuda.is_available()):
        return BUILT_IN
    return {**BUILT_IN, "mosi": ("+experiment=mosi", f"dataset.root={settings.paths['mosi']}")}


def run(settings: Settings, numbers: Measurements) -> None:
    """Train two schedules and two references, and read what the table needs."""
    for data, chosen in datasets(settings).items():
        runs = train_methods(settings.runs / "more_modalities" / data, METHODS,
                             {"seed": settings.seeds(2, 10)}, chosen)  # fmt: skip
        for (method, seed), folder in runs.items():
            numbers.read(f"{data} | {method} | {seed}", folder, fused_accuracy)
        numbers.read(f"{data} | probe", runs["evidence", 0], information_of)


def information_of(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Return value and interval in bits of each quantity, each modality against the rest."""
    trace = read_trace(folder)
    probe = hand_over_probe(trace) or trace.of("probe")[-1]
    diagnosis = diagnosis_from(probe)
    assert diagnosis.redundancy is not None, "three modalities"
    assert diagnosis.synergy is not None, "three modalities"
    estimates = {f"unique {m}": unique for m, unique in diagnosis.unique.items()} | {
        "redundancy (mean)": diagnosis.redundancy, "synergy (mean)": diagnosis.synergy,
        "I(all; Y)": diagnosis.joint_mi,
    }  # fmt: skip
    return {name: (e.value, e.low, e.high) for name, e in estimates.items()}


def conclude(settings: Settings, values: Values) -> Finding:
    """Compare the schedule with joint training and show what it saw."""
    rows, parts = [], []
    for data in datasets(settings):
        by = {c: [values[f"{data} | {c} | {s}"] for s in settings.seeds(2, 10)] for c in METHODS}
        for c in METHODS:
            mean, low, high = mean_over_seeds(by[c])
            rows.append([data, c, f"{mean:.1f}", f"{low:.1f} … {high:.1f}"])
        for c in ("evidence", "pid"):
            gain, low, high = mean_over_seeds(
                [a - b for a, b in zip(by[c], by["joint"], strict=True)]
            )
            parts.append(f"{c} {gain:+.1f} points [{low:+.1f}, {high:+.1f}] on {data}")
    if "mosi" not in settings.paths:
        where = " MOSI is not here (fusion-sched data check mosi)."
    else:
        where = "" if "mosi" in datasets(settings) else " MOSI is left to PROFILE=full or a GPU."
    sentence = (
        "Any number of modalities trains, each compared with all others. Above joint training: "
        f"{'; '.join(parts)}.{where}"
    )
    header = ["dataset", "method", "test %", "95 % interval"]
    caption = f"Test accuracy over {len(settings.seeds(2, 10))} seeds."
    table = Table(header, rows, caption, words=(1,))
    blocks = [table, *(atoms(data, values[f"{data} | probe"]) for data in datasets(settings))]
    return Finding(Verdict.BEYOND, sentence, blocks,
                [settings.runs / "more_modalities" / d for d in datasets(settings)])  # fmt: skip


def atoms(data: str, information: dict[str, list[float]]) -> Table:
    """Return the diagnosis at the end of stage 1."""
    rows = [[name, f"{value:.3f}", f"{low:.3f} … {high:.3f}"]
            for name, (value, low, high) in information.items()]  # fmt: skip
    return Table(["information", "bit", "95 % interval"], rows,
                 f"{data}, evidence, seed 0: the diagnosis at the end of stage 1.")  # fmt: skip


CLAIM = Claim(
    name="more_modalities",
    title="More than two modalities",
    claim="More than two modalities are future work.",
    source=SUMMARIES,
    ran="Upper, middle and lower third of real digits as three modalities, and MOSI where it lies "
    "in its place.",
    holds_if="there is nothing to reproduce: it is future work in the paper",
    measure=run,
    conclude=conclude,
)
