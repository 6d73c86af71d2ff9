"""The same numbers in every format, nothing cut off, nothing that means something else there."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.analysis import FORMATS, compare, render
from fusion_sched.analysis.export import LATEX, MARKDOWN
from fusion_sched.analysis.grid import plus_minus
from fusion_sched.analysis.statistics import mean_over_seeds
from tests.analysis.conftest import Maker
from tests.conftest import Answer

SEEDS = range(3)
LONG = [
    (f"stage1.optimizer.lr={first}", f"stage2.optimizer.lr={second}", f"controller={controller}")
    for first, second, controller in [
        ("0.0123", "0.0123", "joint"), ("0.0123", "0.0456", "joint"), ("0.0456", "0.0123", "joint"),
        ("0.0456", "0.0456", "pid"), ("0.0123", "0.0123", "pid_published"),
    ]
]  # fmt: skip


@pytest.fixture
def five(make_run: Maker) -> Path:
    """Return a folder of five rows with long names, three seeds each."""
    for place, overrides in enumerate(LONG):
        values = {s: 0.5 + 0.07 * place + 0.01 * (s * s * (place + 1) % 5) for s in SEEDS}
        make_run.row(values, *overrides)
    return make_run.folder


def test_eighty_columns_hold_every_name_and_number(five: Path) -> None:
    comparison = compare([five])
    shown = render(comparison, width=80)
    assert max(map(len, shown.splitlines())) <= 80
    (table,) = comparison.tables
    header = next(line for line in shown.splitlines() if "seeds" in line)
    names = [line[: header.index("seeds")] for line in shown.splitlines()]
    squeezed = "".join(names).replace(" ", "")
    for row in table.rows:
        assert len(row.name) > 40
        assert row.name.replace(" ", "") in squeezed
        _, low, high, *_ = mean_over_seeds(row.fused)
        assert plus_minus(row.fused) in shown
        assert f"{low:.1f} … {high:.1f}" in shown
    assert "reference" in shown


def test_no_number_is_cut_however_narrow_the_other_columns(five: Path) -> None:
    table = render(compare([five]), width=80).split("fused: test accuracy")[0]
    cells = [cell for line in table.splitlines() for cell in line.split("  ") if cell.strip()]
    assert not [cell for cell in cells if cell.strip().endswith("…")]


def test_wide_has_every_column_and_no_cut_cell(five: Path) -> None:
    shown = render(compare([five]), wide=True, width=80)
    for header in ("raw p", "macro-F1", "gray %", "colored %", "optimism gap", "CPU-h", "GPU-h",
                   "peak MiB", "probing", "95 % of difference", "role"):  # fmt: skip
        assert header in shown
    widest = max(shown.splitlines(), key=len)
    assert len(widest) > 200
    for row in compare([five]).tables[0].rows:
        assert f" {row.name} " in shown


def test_json_holds_every_seed(five: Path) -> None:
    comparison = compare([five])
    record = json.loads(render(comparison, "json"))
    assert set(record) == {"rows", "tables", "notes"}
    assert len(record["rows"]) == 5
    for written, row in zip(record["rows"], comparison.tables[0].rows, strict=True):
        assert_row_schema(written)
        by_seed = {run["seed"]: run["fused_percent"] for run in written["runs"]}
        assert by_seed == row.fused
        assert written["fused_percent"]["mean"] == mean_over_seeds(row.fused).value
        assert all(Path(run["folder"]).is_dir() for run in written["runs"])
    without = [row["name"] for row in record["rows"] if row["difference"] is None]
    assert without == [record["tables"][0]["reference"]]
    means = [row["fused_percent"]["mean"] for row in record["rows"]]
    assert means == sorted(means, reverse=True), "the best first"


def assert_row_schema(row: dict[str, Any]) -> None:
    spreads = {"fused_percent", "validation_percent", "macro_f1", "optimism_gap_points",
               "unimodal_epochs", "probe_share"}  # fmt: skip
    assert set(row) == spreads | {
        "table", "dataset", "name", "role", "seeds", "missing_seeds", "folds",
        "missing_folds", "unimodal_percent", "search_trials",
        "cpu_hours", "gpu_hours", "peak_memory_bytes", "difference", "runs", "config",
    }  # fmt: skip
    for key in spreads:
        assert set(row[key]) == {"mean", "deviation", "low", "high"}
        assert all(isinstance(value, float) for value in row[key].values())
    if row["difference"] is not None:
        assert set(row["difference"]) == {
            "reference", "points", "low", "high", "p", "p_holm", "test", "seeds", "remark",
        }  # fmt: skip


def test_csv_holds_the_numbers_of_json(five: Path) -> None:
    comparison = compare([five])
    lines = list(csv.DictReader(StringIO(render(comparison, "csv"))))
    rows = json.loads(render(comparison, "json"))["rows"]
    assert [line["name"] for line in lines] == [row["name"] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert float(line["fused_percent.mean"]) == row["fused_percent"]["mean"]
        assert line["seeds"] == "0 1 2"
        known = row["difference"]
        assert line["difference.p"] == ("" if known is None else str(known["p"]))
    assert "difference" not in lines[0]


def test_markdown_and_latex_have_a_line_per_row(five: Path) -> None:
    comparison = compare([five])
    markdown = render(comparison, "markdown").splitlines()
    pipes = [line for line in markdown if line.startswith("|")]
    assert len(pipes) == 7
    assert {line.count(" | ") for line in pipes} == {5}
    latex = render(comparison, "latex")
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == 5
    assert all(line.count(" & ") == 5 and line.endswith(r"\\") for line in body)
    assert r"$\pm$" in latex
    assert "±" not in latex.split(r"\end{table}")[0]


def test_characters_that_mean_something_else_are_escaped() -> None:
    assert r"a_b & 5% $x^2 #1 {z}~\q".translate(LATEX) == (
        r"a\_b \& 5\% \$x\textasciicircum{}2 \#1 \{z\}\textasciitilde{}\textbackslash{}q"
    )
    assert "a|b*c_d`<e>[f]#\\".translate(MARKDOWN) == r"a\|b\*c\_d\`\<e\>\[f\]\#" + "\\\\"


def test_a_name_with_markup_is_shown_as_it_is(make_run: Maker) -> None:
    make_run(0, 0.7, method="[bold]x|y_z&")
    make_run(0, 0.6, method="plain")
    comparison = compare([make_run.folder])
    assert "[bold]x|y_z&" in render(comparison)
    assert r"\[bold\]x\|y\_z&" in render(comparison, "markdown")
    assert r"[bold]x\textbar{}y\_z\&" in render(comparison, "latex")


@pytest.mark.parametrize("kind", [k for k in FORMATS if k != "csv"])
def test_what_is_missing_is_said_in_every_format(make_run: Maker, kind: str) -> None:
    make_run.row({0: 0.6, 1: 0.7}, "controller=joint")
    make_run(0, 0.7, "controller=pid")
    assert "row controller=pid has no run of seed 1" in render(compare([make_run.folder]), kind)


def test_the_command_writes_files_and_notes_of_csv_to_stderr(
    make_run: Maker, command: Callable[..., Answer], tmp_path: Path
) -> None:
    make_run.row({0: 0.6, 1: 0.7}, "controller=joint")
    make_run(0, 0.7, "controller=pid")
    folder = str(make_run.folder)
    shown = command("compare", folder, "--format", "csv")
    assert shown.code == 0
    assert len(shown.out.splitlines()) == 3
    assert "row controller=pid has no run of seed 1" in shown.err
    quiet = command("compare", folder, "--format", "json", "--output", "out.json")
    assert (quiet.code, quiet.out) == (0, "")
    assert len(json.loads((tmp_path / "out.json").read_text())["rows"]) == 2
    assert "1 of 2" in command("compare", f"{folder}/run*", "--reference", "pid").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--format", "html"], 2, ["html", "markdown"]),
        (["--reference", "nobody"], 1, ["'nobody' is no row", "all runs"]),
        (["--output", "no/such/folder.md"], 1, ["no/such/folder.md"]),
        (["missing*"], 1, ["missing*", "trace.jsonl"]),
    ],
)
def test_wrong_usage_is_named(
    make_run: Maker, command: Callable[..., Answer], arguments: list[str], code: int,
    words: list[str],
) -> None:  # fmt: skip
    make_run(0, 0.7)
    answer = command("compare", str(make_run.folder), *arguments)
    assert answer.code == code
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err
    with pytest.raises(ValueError, match="'html', expected one of"):
        render(compare([make_run.folder]), "html")
