"""Tables over runs: what shares one, what is missing from it, and what it says in words."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy import stats

from fusion_sched.analysis import compare, find_runs
from fusion_sched.analysis.runs import note_job
from fusion_sched.analysis.tables import Comparison
from fusion_sched.runlog.protocol import protocol_differences, protocol_of
from tests.analysis.conftest import SHORT, Maker, plain_config
from tests.conftest import Answer, read_events, run_once

JOINT = {0: 0.60, 1: 0.63, 2: 0.58, 3: 0.61, 4: 0.59}
BETTER = {0: 0.70, 1: 0.71, 2: 0.69, 3: 0.73, 4: 0.68}


def notes_of(comparison: Comparison) -> str:
    return "\n".join([n for t in comparison.tables for n in t.notes] + list(comparison.notes))


def test_a_real_run_is_measured_as_its_trace_says(real_run: Path, tmp_path: Path) -> None:
    run_once(tmp_path / "other", *SHORT, "controller=joint", "seed=1")
    (table,) = compare([real_run, tmp_path]).tables
    rows = {m.name: m for m in table.rows}
    assert rows.keys() == {"controller=pid", "controller=joint"}
    result = read_events(real_run)[-1]
    mine = rows["controller=pid"]
    assert mine.fused == {0: 100 * result["test"]["fused"]["accuracy"]}
    assert mine.macro_f1 == {0: result["test"]["fused"]["macro_f1"]}
    assert set(mine.unimodal) == {"gray", "colored"}
    assert mine.cpu_hours == pytest.approx(result["seconds"]["total"] / 3600)
    assert (mine.gpu_hours, mine.probe_share) == (0, {0: result["probe_share"]})
    assert table.reference == "controller=joint", "plain joint training, wherever it stands"


def test_seeds_are_tested_in_pairs_and_corrected(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=joint")
    make_run.row(BETTER, "controller=pid")
    make_run.row({s: v + 0.01 * (s - 2) for s, v in JOINT.items()}, "controller=fixed")
    (table,) = compare([make_run.folder]).tables
    rows = {row.name: row for row in table.rows}
    oracle = stats.ttest_rel([100 * v for v in BETTER.values()], [100 * v for v in JOINT.values()])
    assert rows["controller=joint"].difference is None
    gap = rows["controller=pid"].difference
    assert gap is not None
    assert gap.estimate.value == pytest.approx(10.0)
    assert gap.estimate.p == pytest.approx(oracle.pvalue)
    assert rows["controller=pid"].p_holm == pytest.approx(2 * oracle.pvalue), "two rows are tested"
    assert notes_of(compare([make_run.folder])) == ""


def test_a_reference_is_chosen_by_name_or_by_a_part_of_it(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=joint")
    make_run.row(BETTER, "controller=pid")
    make_run.row(BETTER, "controller=pid_paper")
    chosen = {
        asked: compare([make_run.folder], reference=asked).tables[0].reference
        for asked in ("controller=pid", "pid", "paper", "JOINT")
    }
    assert chosen == {
        "controller=pid": "controller=pid",
        "pid": "controller=pid",
        "paper": "controller=pid_paper",
        "JOINT": "controller=joint",
    }
    with pytest.raises(
        ValueError, match=r"'nobody' is no row; expected one of \['controller=joint"
    ):
        compare([make_run.folder], reference="nobody")
    with pytest.raises(ValueError, match="may be any of"):
        compare([make_run.folder], reference="i")


def test_the_plain_joint_row_is_the_reference_among_joint_rows(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=joint", "balancer=uniform")
    make_run.row(JOINT, "controller=joint", "balancer=fused_only", "fusion=sum")
    make_run.row(JOINT, "controller=joint", "balancer=fused_only")
    assert compare([make_run.folder]).tables[0].reference == "balancer=fused_only fusion=concat"


def test_without_a_joint_row_the_first_is_the_reference(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=fixed")
    make_run.row(BETTER, "controller=pid")
    assert compare([make_run.folder]).tables[0].reference == "controller=fixed"


def test_missing_seeds_and_unended_runs_are_named(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=joint")
    make_run.row({0: 0.70, 1: 0.72}, "controller=pid")
    open_run = make_run(2, None, "controller=pid")
    never = make_run(0, None, "controller=fixed")
    comparison = compare([make_run.folder])
    notes = notes_of(comparison)
    assert f"{open_run} (row controller=pid), seed 2, has not ended" in notes
    assert f"{never} (row controller=fixed), seed 0, has not ended" in notes
    assert "row controller=fixed is left out: none of its 1 runs has ended" in notes
    assert "row controller=pid has no run of seeds 3, 4, which other rows have" in notes
    assert {m.missing for m in comparison.tables[0].rows} == {(), (2, 3, 4)}


def test_a_repeated_seed_counts_once_and_is_named(make_run: Maker) -> None:
    make_run.row({0: 0.70, 1: 0.72})
    make_run(1, 0.74)
    comparison = compare([make_run.folder])
    assert comparison.tables[0].rows[0].fused == pytest.approx({0: 70.0, 1: 73.0})
    assert "several runs of seed 1: their mean counts" in notes_of(comparison)


def test_unreadable_traces_and_lines_are_named(make_run: Maker) -> None:
    run = make_run(0, 0.7)
    with (run / "trace.jsonl").open("a") as file:
        file.write("nonsense\n")
    broken = make_run(1, 0.7)
    (broken / "trace.jsonl").write_text("nonsense")
    notes = notes_of(compare([make_run.folder]))
    assert f"left out: {broken / 'trace.jsonl'} has no whole start event" in notes
    assert f"{run / 'trace.jsonl'} line" in notes
    with pytest.raises(ValueError, match="no whole start event"):
        compare([broken])


def test_nothing_that_has_ended_is_an_error(make_run: Maker) -> None:
    run = make_run(0, None)
    with pytest.raises(ValueError, match=r"none of the 1 runs has ended.*resume"):
        compare([run])


def test_runs_are_found_once_by_folder_trace_or_pattern(make_run: Maker) -> None:
    runs = make_run.row(JOINT)
    folder = make_run.folder
    assert find_runs([folder, runs[0], folder / "run0" / ".." / "run0"]) == runs
    assert find_runs([folder / "run[01]"]) == runs[:2]
    assert find_runs([folder.parent / "**" / "run0" / "trace.jsonl"]) == runs[:1]
    odd = folder / "run[9]"
    runs[0].rename(odd)
    assert find_runs([odd]) == [odd], "a folder that exists is no pattern"


@pytest.mark.parametrize("path", ["nowhere", "empty", "runs/none*"])
def test_a_path_without_runs_is_named(make_run: Maker, path: str) -> None:
    make_run(0, 0.7)
    (make_run.folder.parent / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no trace.jsonl.*pattern"):
        compare([make_run.folder, make_run.folder.parent / path])


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("start", ("config", "seed")),
        ("start", ("config", "dataset", "_target_")),
        ("start", ("device",)),
        ("result", ("probe_share",)),
        ("result", ("seconds", "total")),
        ("result", ("test", "gray", "macro_f1")),
        ("result", ("validation",)),
    ],
    ids=str,
)
def test_a_trace_of_an_older_version_is_left_out_and_named(
    make_run: Maker, kind: str, keys: tuple[str, ...]
) -> None:
    old, new = make_run(0, 0.5), make_run(1, 0.6)
    events = read_events(old)
    record = events[0] if kind == "start" else events[-1]
    for key in keys[:-1]:
        record = record[key]
    del record[keys[-1]]
    lines = "\n".join(map(json.dumps, events))
    (old / "trace.jsonl").write_text(lines, encoding="utf-8")
    comparison = compare([old, new])
    assert [len(m.runs) for m in comparison.tables[0].rows] == [1]
    sentence = f"{old} is not in the tables: its trace has no {'.'.join(keys)}"
    assert sum(note.startswith(sentence) for note in comparison.notes) == 1
    with pytest.raises(ValueError, match="is not in the tables"):
        compare([old])


def test_jobs_of_a_sweep_that_left_nothing_are_named(make_run: Maker) -> None:
    runs = make_run.row({0: 0.7, 1: 0.7})
    folder = make_run.folder

    def start(seed: int, place: str) -> None:
        # However the overrides are spelt: the second start says what is the default anyway.
        spelt = ["threads=1"] if place == "run3" else []
        overrides = ["controller=pid", f"seed={seed}", *spelt]
        note_job(folder, seed, folder / place, overrides, f"hash of seed {seed}")

    for seed in (0, 1, 2):
        start(seed, f"run{seed}")
    for paths in ([folder], [folder / "run*"], [runs[0]]):
        assert f"jobs of {folder} that failed before their first event: 2 (seed=2)" in (
            notes_of(compare(paths))
        )
    start(3, "run2")  # resumed: another job took the folder that the failed one left empty
    make_run(3, 0.7)
    assert "first event: 2 (seed=2)" in notes_of(compare([folder]))
    start(2, "run3")
    make_run(2, 0.7)
    assert notes_of(compare([folder])) == ""


def test_a_sweep_notes_its_jobs(command: Callable[..., Answer], tmp_path: Path) -> None:
    answer = command("train", "-m", "seed=0,1", "probe.clusters=1,auto", "controller=joint",
                     "hydra.sweep.dir=sweep", "hydra.sweep.subdir=job/${hydra.job.num}",
                     *SHORT)  # fmt: skip
    assert answer.code == 1
    missed = " ".join(answer.out.split()).split("failed before their first event: ")[1]
    jobs_named = re.findall(r"(\d+) \(([^)]*)\)", missed)
    assert [(number, set(overrides.split())) for number, overrides in jobs_named] == [
        ("0", {"seed=0", "probe.clusters=1"}), ("2", {"seed=1", "probe.clusters=1"}),
    ]  # fmt: skip
    jobs = [json.loads(line) for line in (tmp_path / "sweep" / "jobs.jsonl").open()]
    assert [job["folder"] for job in jobs] == ["job/0", "job/1", "job/2", "job/3"]


def other_protocol(batch_size: int) -> dict[str, object]:
    protocol = {"batch_size": batch_size, "dataset": {"split": "ogm"}}
    return {"protocol": protocol, "protocol_hash": f"hash{batch_size}"}


def test_protocols_share_a_table_only_on_request(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=joint", start=other_protocol(64))
    make_run.row(BETTER, "controller=pid", start=other_protocol(32))
    apart = compare([make_run.folder])
    assert [[m.name for m in t.rows] for t in apart.tables] == [["all runs"], ["all runs"]]
    assert "2 protocols, in tables of their own" in notes_of(apart)
    mixed = compare([make_run.folder], mix=True)
    assert {m.name for m in mixed.tables[0].rows} == {"controller=joint", "controller=pid"}
    assert set(mixed.tables[0].protocols) == {"hash64", "hash32"}
    for comparison in (apart, mixed):
        notes = notes_of(comparison)
        assert "batch_size: 64 (hash64), 32 (hash32)" in notes
        assert "split" not in notes, "what they share is not said"


def test_datasets_never_share_a_table(make_run: Maker) -> None:
    make_run.row(JOINT)
    for parts, modalities in (("halves", ["upper", "lower"]), ("thirds", ["a", "b", "c"])):
        start = {"modalities": {name: [1] for name in modalities}, "protocol_hash": parts}
        make_run.row(BETTER, f"dataset=digits_{parts}", start=start)
    comparison = compare([make_run.folder], mix=True)
    names = {table.dataset for table in comparison.tables}
    assert names == {"digits_cg", "digits_halves", "digits_thirds"}
    assert len(comparison.tables) == len(names)
    assert notes_of(comparison) == ""


def test_a_reference_that_one_table_lacks_serves_the_other(make_run: Maker) -> None:
    for size in (64, 32):
        make_run.row(JOINT, "controller=joint", start=other_protocol(size))
    make_run.row(BETTER, "controller=pid", start=other_protocol(64))
    make_run.row(BETTER, "controller=fixed", start=other_protocol(32))
    tables = compare([make_run.folder], reference="controller=pid").tables
    assert [table.reference for table in tables] == ["controller=pid", "controller=joint"]


NOT_OF_THE_PROTOCOL = [
    "balancer=uniform", "fusion=sum", "controller=joint", "role=other",
    "solver=scaling", "probe=predictions",
    "workers=2", "threads=3", "device=cpu", "precision=bf16", "seed=7", "compile=true",
    "channels_last=true", "tracker=none", "stage1.optimizer.lr=0.5",
    "optimizer@stage2.optimizer=adamw",
]  # fmt: skip
OF_THE_PROTOCOL = [
    "dataset.validation=0.3", "encoder=mlp", "encoder.embedding=32", "stage1.epochs=3",
    "stage2.epochs=3", "equal_budget=false", "batch_size=32",
]  # fmt: skip


def hash_of(*overrides: str, fingerprint: str = "a") -> str:
    return str(protocol_of(plain_config(*overrides), {"test": fingerprint}, {})["protocol_hash"])


def test_the_protocol_is_data_encoders_selection_and_budget() -> None:
    plain = hash_of()
    together = protocol_of(plain_config(*NOT_OF_THE_PROTOCOL), {"test": "a"}, {})
    assert together == protocol_of(plain_config(), {"test": "a"}, {})
    assert {override: hash_of(override) == plain for override in OF_THE_PROTOCOL} == (
        dict.fromkeys(OF_THE_PROTOCOL, False)
    )
    assert hash_of(fingerprint="b") != plain, "the test denominator is in the fingerprint"


def test_differences_of_protocols_name_absent_keys() -> None:
    lines = protocol_differences(
        {"x": {"a": {"b": 1}, "c": 2}, "y": {"a": {"b": 3}}, "z": {"c": 2}}
    )
    assert lines == ["a.b: 1 (x), 3 (y), absent (z)", "c: 2 (x, z), absent (y)"]


def test_hours_and_memory_by_device(make_run: Maker) -> None:
    seconds = {"seconds": {"train": 1, "probe": 1, "total": 1800.0}}
    memory = {"peak_memory_bytes": 3 * 2**30}
    make_run(0, 0.7, start={"device": "cuda:0 (H100)"}, result=seconds | memory)
    make_run(1, 0.7, start={"device": "cuda:1 (H100)"}, result=seconds)
    make_run(2, 0.7, start={"device": "cpu (x86_64, 1 thread(s))"}, result=seconds)
    (row,) = compare([make_run.folder]).tables[0].rows
    assert (row.gpu_hours, row.cpu_hours, row.peak_memory_bytes) == (1.0, 0.5, 3 * 2**30)
