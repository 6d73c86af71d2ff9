"""Figures for a paper: which files, what is in them, and the same bytes every time."""

from copy import deepcopy
from html import unescape
from pathlib import Path

import matplotlib
import pytest

from fusion_sched.report import PICTURE, draw_trace, figures_of
from fusion_sched.report.paper import draw_figures
from fusion_sched.report.paper.paper import stems
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace, read_trace
from tests.report.paper.conftest import renamed, with_events
from tests.report.traces import Events, events_of, without_intervals, write_run

KINDS = ["accuracy", "decomposition", "handover", "confusion", "noise"]


@pytest.fixture(scope="module")
def drawn(short_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the figures of a run, in a folder that was not there before."""
    folder = tmp_path_factory.mktemp("figures") / "new" / "folder"
    return draw_figures([read_trace(short_runs / "pid0")], folder)


def brief(trace: Trace) -> Trace:
    """Return the trace without what most figures show: quick to draw."""
    return with_events(trace, [e for e in trace.events if e["event"] not in ("probe", "result")])


def svg_of(folder: Path, kind: str) -> str:
    (file,) = folder.glob(f"*-{kind}.svg")
    return unescape(file.read_text(encoding="utf-8"))


def kinds_of(files: list[Path]) -> list[str]:
    return [file.stem.rsplit("-", 1)[-1] for file in files]


def test_every_figure_is_written_in_every_format(drawn: list[Path]) -> None:
    expected = [f"pid0-{kind}.{suffix}" for kind in KINDS for suffix in ("pdf", "svg")]
    assert [file.name for file in drawn] == expected
    begins = {".pdf": b"%PDF", ".svg": b"<?xml"}
    assert all(file.read_bytes().startswith(begins[file.suffix]) for file in drawn)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("accuracy", ["epoch", "validation accuracy [%]", "gray", "colored", "fused", "decision"]),
        ("decomposition", ["epoch", "unique U [bit]", "synergy S [bit]", "redundancy R [bit]",
                           "gray", "colored", "labels shuffled", "trains jointly"]),
        ("handover", ["[bit]", "unique gray", "redundancy", "synergy", "95 % interval"]),
        ("confusion", ["true class", "predicted class", "share of the true class [%]"]),
        ("noise", ["noise [SD]", "fused test accuracy [%]", "noise in gray"]),
    ],
)  # fmt: skip
def test_axes_and_modalities_are_named(drawn: list[Path], kind: str, words: list[str]) -> None:
    text = svg_of(drawn[0].parent, kind)
    assert [word for word in words if f"{word}<" not in text] == []


def test_the_same_trace_gives_the_same_bytes_whatever_the_users_style(
    pid: Trace, tmp_path: Path
) -> None:
    events = [e for e in pid.events if e["event"] != "probe"]
    events[-1] = {**events[-1], "robustness": {}}
    trace = with_events(pid, events)
    first = draw_figures([trace], tmp_path / "first", formats=("pdf", "svg", "png"))
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "pdf.fonttype": 3}):
        second = draw_figures([trace], tmp_path / "second", formats=("pdf", "svg", "png"))
    assert kinds_of(first)[::3] == ["accuracy", "confusion"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_fonts_are_embedded_as_truetype_and_texts_stay_texts(drawn: list[Path]) -> None:
    pdf, svg = drawn[:2]
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()
    assert b"CreationDate" not in pdf.read_bytes()
    assert "<text" in svg.read_text(encoding="utf-8")


def test_global_settings_stay_as_they_are(pid: Trace, tmp_path: Path) -> None:
    with matplotlib.rc_context({"lines.linewidth": 7}):
        before = dict(matplotlib.rcParams)
        draw_figures([brief(pid)], tmp_path, formats=("svg",))
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("width", [3.35, 6.9])
def test_a_figure_is_as_wide_as_asked(pid: Trace, tmp_path: Path, width: float) -> None:
    draw_figures([brief(pid)], tmp_path, formats=("svg",), width_inches=width)
    assert f'width="{72 * width:g}pt"' in svg_of(tmp_path, "accuracy")


def test_a_run_under_way_has_what_it_has_so_far(pid: Trace, tmp_path: Path) -> None:
    first_epoch = next(i for i, e in enumerate(pid.events) if e["event"] == "epoch")
    cuts = {1: [], first_epoch + 1: ["accuracy", "decomposition"]}
    for end, expected in cuts.items():
        begun = with_events(pid, pid.events[:end])
        assert kinds_of(draw_figures([begun], tmp_path, formats=("svg",))) == expected


def older(trace: Trace) -> Trace:
    """Return the trace as an older version, or a hand, may have left it."""
    events = deepcopy(trace.events)
    for event in events:
        for key in ("restored", "controller", "quadrants", "class_unique_bits"):
            event.pop(key, None)
        without_intervals(event)
    events[-1]["robustness"]["noise"] = {"gray": {"kind": "salt", "accuracy": {"1": 0.5}}}
    broken = [{"event": "epoch", "epoch": 9}, {"event": "probe"}, {"event": "decision"},
              {"event": "result"}, {"event": "surprise"}]  # fmt: skip
    return with_events(trace, [*events, *broken])


def test_an_older_trace_gives_the_figures_that_it_has_the_numbers_for(
    pid: Trace, tmp_path: Path
) -> None:
    files = draw_figures([older(pid)], tmp_path, formats=("svg",))
    assert kinds_of(files) == ["accuracy", "decomposition", "handover", "confusion"]
    assert "labels shuffled" not in svg_of(tmp_path, "decomposition")
    draw_trace(older(pid), tmp_path / PICTURE)
    assert (tmp_path / PICTURE).is_file()


def test_a_single_run_is_named_as_its_folder(short_runs: Path, tmp_path: Path) -> None:
    start = events_of(short_runs / "pid0")[0] | {"run": "mine"}
    run = write_run(tmp_path / "mine", [start, *brief_events(short_runs / "pid0")])
    files, notes = figures_of([run], tmp_path / "drawn")
    assert [file.name for file in files] == ["mine-accuracy.pdf", "mine-accuracy.svg"]
    assert notes == []


def test_runs_of_one_row_are_named_by_method_and_seed(short_runs: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        run = short_runs / f"pid{seed}"
        write_run(tmp_path / run.name, [events_of(run)[0], *brief_events(run)])
    files, _ = figures_of([tmp_path / "pid0", tmp_path / "pid1"], tmp_path / "drawn")
    expected = ["pid-seed0-accuracy.svg", "pid-seed1-accuracy.svg", "all_runs.svg"]
    assert [file.name for file in files[1::2]] == expected


def test_what_cannot_be_read_is_left_out_and_named(short_runs: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("pid0", "joint0"):
        start = events_of(short_runs / name)[0]
        if name == "joint0":
            del start["config"]["seed"]
        write_run(runs / name, [start, *brief_events(short_runs / name)])
    (runs / "empty").mkdir()
    (runs / "empty" / "trace.jsonl").touch()
    files, notes = figures_of([runs], tmp_path / "drawn")
    assert {file.suffix for file in files} == {".pdf", ".svg"}
    assert sorted(file.stem for file in files[::2]) == [
        "all_runs", "joint-accuracy", "pid-accuracy"
    ]  # fmt: skip
    assert len(notes) == 1
    assert "empty/trace.jsonl has no whole start event" in notes[0]
    with pytest.raises(ValueError, match="no whole start event"):
        figures_of([runs / "empty"], tmp_path / "none")


def brief_events(run: Path) -> Events:
    """Return a joint epoch or two of a run: quick to draw."""
    return [e for e in events_of(run) if e["event"] == "epoch"][-2:]


def test_a_run_without_diagnoses_is_drawn(pid: Trace, tmp_path: Path) -> None:
    blind = with_events(pid, [e for e in pid.events if e["event"] != "probe"])
    files = draw_figures([blind], tmp_path, formats=("svg",))
    assert kinds_of(files) == ["accuracy", "confusion", "noise"]


def test_three_modalities_are_drawn(thirds: Trace, tmp_path: Path) -> None:
    draw_figures([thirds], tmp_path, formats=("svg",))
    for kind, word in {"accuracy": "", "decomposition": "", "noise": "noise in "}.items():
        text = svg_of(tmp_path, kind)
        assert [n for n in ("upper", "middle", "lower") if f">{word}{n}<" not in text] == []


def test_one_modality_has_no_redundancy(pid: Trace, tmp_path: Path) -> None:
    events = deepcopy(pid.events)
    events[0]["modalities"].pop("colored")
    for event in events:
        event.pop("redundancy_bits", None)
        event.pop("synergy_bits", None)
    files = draw_figures([with_events(pid, events[:-1])], tmp_path, formats=("svg",))
    assert kinds_of(files) == ["accuracy", "decomposition", "handover"]
    text = svg_of(tmp_path, "decomposition")
    assert ">information I(X; Y) [bit]<" in text
    assert "redundancy" not in text


@pytest.mark.parametrize("name", ["$x_{1}$", "_hidden", r"b\frac$a", "a<b>&c", "100 %"])
def test_hostile_names_are_drawn_as_they_are(pid: Trace, tmp_path: Path, name: str) -> None:
    unended = with_events(pid, pid.events[:-1])
    draw_figures([renamed(unended, "gray", name)], tmp_path, formats=("svg",))
    assert f">{name}<" in svg_of(tmp_path, "accuracy")
    assert f">unique {name}<" in svg_of(tmp_path, "handover")


def test_names_that_cannot_be_drawn_do_no_harm(pid: Trace, tmp_path: Path) -> None:
    for number, name in enumerate(("\x00\n\ud800", "日本語", "long " * 30)):
        folder = tmp_path / str(number)
        files = draw_figures([renamed(brief(pid), "gray", name)], folder, names=[name])
        assert kinds_of(files) == ["accuracy", "accuracy"]
        assert all(file.parent == folder for file in files)


def test_files_of_different_runs_have_different_names(pid: Trace) -> None:
    names = ["a/b", "a b", "A_b", "twice", "twice", "../.."]
    file_names = stems([RunView.of(pid)] * 6, names)
    assert file_names == ["a_b", "a_b-2", "A_b-3", "twice-seed0", "twice-seed0-2", "_.."]
    assert len({name.casefold() for name in file_names}) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"traces": []}, "no traces came"),
        ({"names": ["one", "two"]}, "2 names came for 1 traces"),
        ({"formats": ("pdf", "gif")}, "expected some of pdf, svg, png"),
        ({"formats": ()}, "expected some of pdf, svg, png"),
        ({"width_inches": 0.5}, "width_inches is 0.5, expected 2 to 20"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    pid: Trace, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    arguments: dict[str, object] = {"traces": [pid], **change}
    with pytest.raises(ValueError, match=words):
        draw_figures(arguments.pop("traces"), tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()
