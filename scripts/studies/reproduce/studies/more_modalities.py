"""More than two modalities, which the paper names as future work."""

from pathlib import Path

import torch

from fusion_sched.report.html.document import Table, Text
from fusion_sched.runlog import diagnosis_from, hand_over_probe, read_trace
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings
from scripts.studies.runner import CHEAP, fused_accuracy, mean_over_seeds, train_grid

CONTROLLERS = ("pid", "fixed", "joint")
BUILT_IN = {"digits_thirds": ("+experiment=digits_thirds",)}


def datasets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the data with three modalities that is here and can be trained on."""
    if "mosi" not in settings.paths or (settings.quick and not torch.cuda.is_available()):
        return BUILT_IN
    return {**BUILT_IN, "mosi": ("+experiment=mosi", f"dataset.root={settings.paths['mosi']}")}


def run(settings: Settings, numbers: Measurements) -> None:
    """Train with three controllers; read accuracies and the diagnosis at the hand-over."""
    grid = {"controller": CONTROLLERS, "seed": settings.seeds(2, 10)}
    for data, chosen in datasets(settings).items():
        runs = train_grid(settings.runs / "more_modalities" / data, grid, (*chosen, *CHEAP))
        for (controller, seed), folder in runs.items():
            numbers.read(f"{data} | {controller} | {seed}", folder, fused_accuracy)
        numbers.read(f"{data} | probe", runs["pid", 0], information_at_hand_over)


def information_at_hand_over(folder: Path) -> dict[str, tuple[float, float, float]] | None:
    """Return value and interval in bits of each quantity, each modality against the rest."""
    probe = hand_over_probe(read_trace(folder))
    if probe is None:
        return None
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
        by = {
            c: [values[f"{data} | {c} | {s}"] for s in settings.seeds(2, 10)] for c in CONTROLLERS
        }
        for c in CONTROLLERS:
            mean, low, high = mean_over_seeds(by[c])
            rows.append([data, c, f"{mean:.1f}", f"{low:.1f} … {high:.1f}"])
        gain, low, high = mean_over_seeds(
            [a - b for a, b in zip(by["pid"], by["joint"], strict=True)]
        )
        parts.append(f"{data} {gain:+.1f} points [{low:+.1f}, {high:+.1f}]")
    if "mosi" not in settings.paths:
        where = " MOSI is not here (fusion-sched data check mosi)."
    else:
        where = "" if "mosi" in datasets(settings) else " MOSI is left to PROFILE=full or a GPU."
    sentence = (
        "Any number of modalities trains, each held against all others. pid is above joint "
        f"training by {'; '.join(parts)}.{where}"
    )
    header = ["dataset", "controller", "fused %", "95 % interval"]
    caption = f"Fused test accuracy over {len(settings.seeds(2, 10))} seeds."
    table = Table(header, rows, caption, words=(1,))
    blocks = [table, *(atoms(data, values[f"{data} | probe"]) for data in datasets(settings))]
    return Finding(Verdict.BEYOND, sentence, blocks,
                [settings.runs / "more_modalities" / d for d in datasets(settings)])  # fmt: skip


def atoms(data: str, information: dict[str, list[float]] | None) -> Table | Text:
    """Return what the diagnosis at the hand-over says."""
    if information is None:
        return Text([f"{data}: no diagnosis before joint training."])
    rows = [[name, f"{value:.3f}", f"{low:.3f} … {high:.3f}"]
            for name, (value, low, high) in information.items()]  # fmt: skip
    return Table(["information", "bit", "95 % interval"], rows,
                 f"{data}, controller pid, seed 0: the diagnosis at the hand-over.")  # fmt: skip


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
