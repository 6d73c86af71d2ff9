"""Runs of a cross-validation: paired by seed and fold, pooled over folds, and what is missing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fusion_sched.analysis import compare, render
from fusion_sched.analysis.published import published_for
from fusion_sched.analysis.statistics import fold_difference, pool_folds
from fusion_sched.analysis.tables import Comparison
from fusion_sched.runlog.protocol import protocol_of
from tests.analysis.conftest import Maker, plain_config
from tests.conftest import read_events

SIZES = {0: 100, 1: 50, 2: 150}
RIGHT = {"joint": {0: (60, 40, 90), 1: (66, 30, 96)}, "pid": {0: (70, 44, 105), 1: (72, 41, 99)}}
"""Controller → seed → right answers in each fold."""
NOTE = "folds are drawn from all samples"


def write(make_run: Maker, controller: str, seed: int, fold: int, right: int | None) -> Path:
    facts = {"cross_validation": {"folds": 3, "fold": fold, "pool": "p"}, "notes": [NOTE]}
    start = {
        "facts": facts, "split_sizes": {"train": 200, "validation": 50, "test": SIZES[fold]},
    }  # fmt: skip
    cells = [] if right is None else [[0, 0, right], [1, 0, SIZES[fold] - right]]
    overrides = ("dataset.folds=3", f"dataset.fold={fold}", f"controller={controller}")
    accuracy = None if right is None else right / SIZES[fold]
    return make_run(seed, accuracy, *overrides, start=start, result={"confusion": {"fused": cells}})


def write_all(make_run: Maker, leave_out: tuple[str, int, int] | None = None) -> None:
    for controller, seeds in RIGHT.items():
        for seed, folds in seeds.items():
            for fold, right in enumerate(folds):
                if (controller, seed, fold) != leave_out:
                    write(make_run, controller, seed, fold, right)


def notes_of(comparison: Comparison) -> str:
    return "\n".join([n for t in comparison.tables for n in t.notes] + list(comparison.notes))


def test_every_test_sample_counts_once_per_seed(make_run: Maker) -> None:
    write_all(make_run)
    comparison = compare([make_run.folder])
    (table,) = comparison.tables
    rows = {row.name: row for row in table.rows}
    assert rows.keys() == {"controller=joint", "controller=pid"}, "folds make no rows"
    pooled = {seed: sum(right) / 3 for seed, right in RIGHT["joint"].items()}
    assert rows["controller=joint"].fused == pytest.approx(pooled)
    right = sum(RIGHT["joint"][0])
    assert rows["controller=joint"].macro_f1[0] == pytest.approx(2 * right / (right + 300) / 2)
    assert rows["controller=joint"].missing_folds == ()
    text = render(comparison)
    assert "2 × 3 folds" in text
    flat = " ".join(text.split())
    assert "every test sample counts once per seed" in flat
    assert "on the same seed and fold" in flat
    assert notes_of(comparison) == NOTE, "said once"


def test_rows_pair_by_seed_and_fold(make_run: Maker) -> None:
    write_all(make_run)
    (table,) = compare([make_run.folder]).tables
    gap = next(row.difference for row in table.rows if row.name == "controller=pid")
    assert gap is not None
    gaps = np.array([
        100 * (RIGHT["pid"][s][f] - RIGHT["joint"][s][f]) / SIZES[f] for s in (0, 1) for f in SIZES
    ])  # fmt: skip
    mean = 100 * (219 - 190 + 212 - 192) / 2 / 300
    error = gaps.std(ddof=1) * np.sqrt(1 / 6 + 1 / 2)
    low, high = stats.t.interval(0.95, 5, loc=mean, scale=error)
    assert gap.test == "corrected paired t"
    assert gap.estimate.value == pytest.approx(mean)
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx((low, high))
    assert gap.estimate.p == pytest.approx(2 * stats.t.sf(mean / error, 5))
    assert gap.estimate.p is not None
    assert gap.estimate.p > stats.ttest_1samp(gaps, 0).pvalue, "overlap makes it less sure"


def test_a_missing_fold_is_named_and_the_others_pair(make_run: Maker) -> None:
    write_all(make_run, leave_out=("pid", 1, 2))
    write(make_run, "pid", 1, 2, None)
    comparison = compare([make_run.folder])
    (row,) = [row for row in comparison.tables[0].rows if row.name == "controller=pid"]
    assert row.missing_folds == ((1, 2),)
    assert row.fused[1] == pytest.approx(100 * (72 + 41) / 150)
    notes = notes_of(comparison)
    assert "seed 1, fold 2, has not ended" in notes
    assert "row controller=pid, seed 1: fold 2 (not ended) of 3 is missing" in notes
    assert "without a partner and left out of the test: seed 1 fold 2" in notes
    assert row.difference is not None
    mean = (100 * 29 / 300 + 100 * (113 - 96) / 150) / 2
    assert row.difference.estimate.value == pytest.approx(mean)
    assert "5 of 6 folds" in render(comparison)


def test_a_fold_that_ended_twice_is_named(make_run: Maker) -> None:
    write_all(make_run)
    write(make_run, "joint", 0, 1, 42)
    comparison = compare([make_run.folder])
    assert "several runs of seed 0, fold 1" in notes_of(comparison)
    (row,) = [row for row in comparison.tables[0].rows if row.name == "controller=joint"]
    assert row.fused[0] == pytest.approx(100 * (60 + 41 + 90) / 300)


def test_folds_no_row_has_are_missing_too(make_run: Maker) -> None:
    write(make_run, "joint", 0, 0, 50)
    assert "folds 1, 2 of 3 are missing" in notes_of(compare([make_run.folder]))


def test_exports_and_the_verdict_hold_folds(make_run: Maker) -> None:
    write_all(make_run, leave_out=("joint", 0, 0))
    for fold, right in enumerate((60, 40, 90)):
        write(make_run, "fixed", 0, fold, right)
    comparison = compare([make_run.folder])
    rows = {row["name"]: row for row in json.loads(render(comparison, "json"))["rows"]}
    assert (rows["controller=joint"]["folds"], rows["controller=joint"]["missing_folds"]) == (
        3,
        ["0/0"],
    )
    assert sorted((run["seed"], run["fold"]) for run in rows["controller=fixed"]["runs"]) == [
        (0, 0), (0, 1), (0, 2),
    ]  # fmt: skip
    assert "row,0,digits_cg,controller=joint" in render(comparison, "csv")
    verdict = " ".join(comparison.tables[0].verdict)
    assert "1 seed and 3 folds" in verdict
    assert "corrected paired t" in verdict


def test_a_fold_is_no_protocol_but_folds_are() -> None:
    def hashed(fold: int, pool: str = "p", folds: int = 3) -> str:
        facts = {"cross_validation": {"folds": folds, "fold": fold, "pool": pool}}
        config = plain_config(f"dataset.folds={folds}", f"dataset.fold={fold}")
        return str(protocol_of(config, {"test": str(fold)}, facts)["protocol_hash"])

    assert hashed(0) == hashed(2)
    assert len({hashed(0), hashed(0, pool="q"), hashed(0, folds=4)}) == 3
    plain: dict[str, Any] = protocol_of(plain_config(), {"test": "a"}, {})
    assert not {"fold", "folds", "group"} & set(plain["protocol"]["dataset"])


def test_folds_and_a_plain_split_get_tables_of_their_own(make_run: Maker, real_run: Path) -> None:
    write(make_run, "joint", 0, 0, 50)
    folded = read_events(make_run.folder / "run0")[0]
    again = protocol_of(folded["config"], folded["fingerprint"], folded["facts"])
    write_start(make_run.folder / "run0", again)
    comparison = compare([make_run.folder, real_run])
    assert len(comparison.tables) == 2
    assert "dataset.folds: 3 (" in notes_of(comparison)


def write_start(run: Path, changes: dict[str, Any]) -> None:
    events = read_events(run)
    events[0] |= changes
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (run / "trace.jsonl").write_text(lines, encoding="utf-8")


def test_published_numbers_are_not_of_folds() -> None:
    start = {
        "config": {
            "dataset": plain_config("dataset=cremad")["dataset"],
            "encoder": {"_target_": "x.ResNet18"},
        },
        "split_sizes": {"test": 744}, "facts": {"cross_validation": {"fold": 0}},
    }  # fmt: skip
    judged = published_for(start)
    assert judged
    assert all("not a published split" in " ".join(one.reasons) for one in judged)


def test_no_common_fold_is_no_pair() -> None:
    assert fold_difference({(0, 0): 1.0}, {(0, 1): 1.0}, {(0, 0): 1, (0, 1): 1}, 3) is None
    one = fold_difference({(0, 0): 2.0}, {(0, 0): 1.0}, {(0, 0): 1}, 3)
    assert one is not None
    assert (one.estimate.value, one.estimate.p, one.test) == (1.0, None, None)
    assert pool_folds({(0, 0): 1.0, (0, 1): 4.0}, {(0, 0): 2, (0, 1): 1}) == {0: 2.0}
