"""A finished or running trace as a picture."""

from pathlib import Path
from typing import Any

from fusion_sched.trace import Trace

PICTURE = "trace.png"
STAGE_COLOURS = {"unimodal": "#dfe8f3", "joint": "#f6e7d3"}
# Okabe and Ito's palette: distinguishable with every common colour vision.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
INK = "#222222"


def draw_trace(trace: Trace, path: Path) -> None:
    """Draw accuracy, decomposition and information over epochs, with the stages, to a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    accuracy, atoms, information = figure.subplots(3, 1, sharex=True)
    for axes in (accuracy, atoms, information):
        shade_stages(axes, trace)
        axes.grid(axis="y", color="white", linewidth=1)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    draw_accuracy(accuracy, trace)
    draw_atoms(atoms, trace)
    draw_information(information, trace)
    information.set_xlabel("epoch")
    figure.suptitle(title_of(trace), fontsize=11)
    figure.savefig(path, dpi=120)


def title_of(trace: Trace) -> str:
    """Return the run in one line."""
    start, result = trace.start, trace.result
    controller = start["config"]["controller"]["_target_"].rsplit(".", 1)[-1]
    text = f"controller {controller}, seed {start['seed']}"
    if result is not None:
        text += f": fused test accuracy {result['test']['fused']['accuracy']:.1%}"
    return text


def shade_stages(axes: Any, trace: Trace) -> None:
    """Shade each stretch of one stage and mark each decision; name the stages at the top."""
    epochs = trace.of("epoch")
    begin = 0
    for number, record in enumerate(epochs):
        following = epochs[number + 1] if number + 1 < len(epochs) else None
        same = following is not None and (following["stage"], following["active"]) == (
            record["stage"], record["active"],
        )  # fmt: skip
        if same:
            continue
        left, right = epochs[begin]["epoch"] + 0.5, record["epoch"] + 1.5
        axes.axvspan(left, right, color=STAGE_COLOURS[record["stage"]], linewidth=0, zorder=0)
        if following is not None:
            axes.axvline(right, color=INK, linewidth=0.8, linestyle=":")
        if axes.get_subplotspec().is_first_row():
            label = stage_label(trace, record)
            axes.annotate(
                label, (left + 0.1, 1.01), xycoords=("data", "axes fraction"),
                ha="left", va="bottom", fontsize=8, color=INK, rotation=30,
            )  # fmt: skip
        begin = number + 1


def stage_label(trace: Trace, record: dict[str, Any]) -> str:
    """Return who trains, and for a joint stage that began from restored weights, from which."""
    if record["stage"] != "joint":
        return " + ".join(record["active"])
    restored = [d for d in trace.of("decision") if d["restored"]]
    epoch = restored[-1]["controller"].get("peak_epoch") if restored else None
    return "joint" if epoch is None else f"joint, from the weights of epoch {epoch + 1}"


def draw_accuracy(axes: Any, trace: Trace) -> None:
    """Draw validation accuracy by modality and fused, and the selected epoch."""
    epochs = trace.of("epoch")
    for name, colour in colours(trace).items():
        known = [e for e in epochs if name in e["accuracy"]["validation"]]
        if known:
            values = [e["accuracy"]["validation"][name] for e in known]
            axes.plot([e["epoch"] + 1 for e in known], values, label=name, color=colour,
                      linewidth=1.6)  # fmt: skip
    if trace.result is not None:
        chosen = trace.result["selected_epoch"] + 1
        value = trace.result["validation"]["fused"]
        axes.plot(chosen, value, "o", color=INK, markersize=8, fillstyle="none", label="selected")
    axes.set_ylabel("validation accuracy")
    axes.set_ylim(0, 1.02)
    place_legend(axes)


def draw_atoms(axes: Any, trace: Trace) -> None:
    """Draw uniquenesses and synergy in bits, with their 95 % intervals."""
    probes = trace.of("probe")
    for name in trace.start["modalities"]:
        draw_estimate(axes, probes, ("unique_bits", name), f"unique {name}", colours(trace)[name])
    draw_estimate(axes, probes, ("synergy_bits",), "synergy", INK, linestyle="-.")
    axes.set_ylabel("unique and synergistic [bit]")
    place_legend(axes)


def draw_information(axes: Any, trace: Trace) -> None:
    """Draw each modality's and the joint information and the redundancy, in bits."""
    probes = trace.of("probe")
    for name in trace.start["modalities"]:
        draw_estimate(axes, probes, ("mi_bits", name), f"I({name}; Y)", colours(trace)[name])
    draw_estimate(axes, probes, ("joint_mi_bits",), "I(all; Y)", INK)
    draw_estimate(axes, probes, ("redundancy_bits",), "redundancy", INK, linestyle="--")
    if probes:
        axes.axhline(probes[0]["label_entropy_bits"], color=INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            "H(Y)", (1, probes[0]["label_entropy_bits"]), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", fontsize=8,
        )  # fmt: skip
    axes.set_ylabel("information [bit]")
    axes.set_ylim(bottom=0)
    place_legend(axes)


def draw_estimate(
    axes: Any,
    probes: list[dict[str, Any]],
    key: tuple[str, ...],
    label: str,
    colour: str,
    **style: Any,
) -> None:
    """Draw one quantity of the probe events, with a ribbon for its interval."""
    points = [
        (p["epoch"] + 1, inside(p, *key), inside(p["interval"], *key))
        for p in probes
        if inside(p, *key) is not None
    ]
    if not points:
        return
    epochs, values, intervals = zip(*points, strict=True)
    low, high = zip(*intervals, strict=True)
    axes.plot(epochs, values, label=label, color=colour, linewidth=1.6, **style)
    axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)


def inside(record: Any, *keys: str) -> Any:
    """Return what lies under these keys, ``None`` where one is absent."""
    for key in keys:
        record = None if record is None else record.get(key)
    return record


def colours(trace: Trace) -> dict[str, str]:
    """Return one colour per modality, and ink for ``fused``."""
    names = list(trace.start["modalities"])
    return {m: LINE_COLOURS[i % len(LINE_COLOURS)] for i, m in enumerate(names)} | {"fused": INK}


def place_legend(axes: Any) -> None:
    """Put the legend to the right of the axes."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
