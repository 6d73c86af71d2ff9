"""Whether the schedule helps, in words."""

import json

import pytest
from scipy import stats

from fusion_sched.analysis import compare, render
from fusion_sched.analysis.grid import caption
from tests.analysis.conftest import Maker

JOINT = {0: 0.60, 1: 0.63, 2: 0.58, 3: 0.61, 4: 0.59}
BETTER = {0: 0.70, 1: 0.71, 2: 0.69, 3: 0.73, 4: 0.68}
ENSEMBLE = ("balancer=unimodal", "fusion=average", "controller=joint")


def test_a_verdict_says_better_and_no_difference(make_run: Maker) -> None:
    make_run.row(BETTER, "controller=pid")
    make_run.row(JOINT, *ENSEMBLE)
    make_run.row({s: v + 0.03 * (-1) ** s for s, v in BETTER.items()}, "controller=fixed")
    (table,) = compare([make_run.folder]).tables
    ensemble, fixed = table.verdict
    assert caption(table).endswith("; below, p is corrected for those 2 comparisons")
    pair = stats.ttest_rel([100 * v for v in BETTER.values()], [100 * v for v in JOINT.values()])
    schedule = "balancer=none controller=pid fusion=concat"
    low, high = pair.confidence_interval(0.95)
    assert ensemble == (
        f"{schedule} against balancer=unimodal controller=joint fusion=average (ensemble): "
        f"+10.0 points [{low:+.1f}, {high:+.1f}], p < 0.001, 5 seeds: better"
    )
    assert 2 * pair.pvalue < 0.001
    assert fixed.startswith(
        f"{schedule} against balancer=none controller=fixed fusion=concat (fixed stages): "
    )
    assert fixed.endswith(", 5 seeds: no difference shown")


def test_a_verdict_says_worse_and_what_is_missing(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=pid")
    make_run.row(BETTER, "controller=fixed")
    fixed, ensemble = compare([make_run.folder]).tables[0].verdict
    assert ensemble == "no ensemble in the table: +method=unimodal trains such a row"
    assert fixed.startswith(
        "controller=pid against controller=fixed (fixed stages): −10.0 points ["
    )
    assert fixed.endswith("worse")


def test_the_best_schedule_is_chosen_on_validation(make_run: Maker) -> None:
    lucky = {"validation": {"fused": 0.5, "gray": 0.5, "colored": 0.5}}
    make_run.row(BETTER, "controller=pid", result=lucky)
    make_run.row(JOINT, "controller=mi")
    make_run.row(JOINT, "controller=fixed")
    fixed, _ = compare([make_run.folder]).tables[0].verdict
    assert fixed.startswith("controller=mi (best of 2 schedules on validation) against controller=")
    assert fixed.endswith("not tested (the same on every seed)")


def test_one_seed_is_one_sentence_and_no_verdict(make_run: Maker) -> None:
    for controller in ("pid", "mi", "fixed", "joint"):
        make_run(0, 0.6, f"controller={controller}")
    comparison = compare([make_run.folder])
    assert comparison.tables[0].verdict == ()
    assert comparison.tables[0].notes == (
        "nothing is tested: a test needs three seeds, as by seed=0,1,2",
    )
    assert "Holm" not in render(comparison)


def branches(make_run: Maker) -> None:
    """Write one row of each branch; joint training ties with the ensemble on seed 1."""
    make_run.row({0: 0.90, 1: 0.50}, "+method=best_unimodal", method="best_unimodal")
    tested = {0: 0.60, 1: 0.80}
    for seed, value in tested.items():
        other = {"validation": {"fused": 0.70, "gray": 0.5, "colored": 0.5}}
        make_run(
            seed, value, "+method=ensemble_calibrated", method="ensemble_calibrated", result=other
        )
    make_run.row({0: 0.65, 1: 0.70}, "+method=multi_loss", method="multi_loss")
    make_run.row({0: 0.62, 1: 0.61}, "+method=fine_tuned", method="fine_tuned")


def test_the_ceiling_takes_the_branch_that_is_best_on_validation(make_run: Maker) -> None:
    branches(make_run)
    (table,) = compare([make_run.folder]).tables
    ceiling = next(row for row in table.rows if row.role == "ceiling")
    assert ceiling.name == "all branches, pick on validation"
    assert ceiling.fused == {0: 90, 1: pytest.approx((80 + 70) / 2)}, "equal ones by their mean"
    assert ceiling.cpu_hours == pytest.approx(
        sum(row.cpu_hours for row in table.rows if row is not ceiling)
    )
    record = json.loads(render(compare([make_run.folder]), "json"))
    (exported,) = (row for row in record["rows"] if row["name"] == ceiling.name)
    assert exported["role"] == "best of the branches on validation"
    assert exported["config"] == {}


def test_without_a_branch_there_is_no_ceiling(make_run: Maker) -> None:
    make_run.row({0: 0.6, 1: 0.5}, "+method=ensemble", method="ensemble")
    make_run.row({0: 0.6, 1: 0.5}, "+method=fine_tuned", method="fine_tuned")
    assert {row.role for row in compare([make_run.folder]).tables[0].rows} == {"ensemble", "fixed"}


def test_a_verdict_holds_the_schedule_against_every_reference_that_is_there(
    make_run: Maker,
) -> None:
    branches(make_run)
    make_run.row({0: 0.7, 1: 0.72, 2: 0.71}, "controller=pid")
    sentences = compare([make_run.folder]).tables[0].verdict
    names = ["best_unimodal", "ensemble_calibrated", "multi_loss", "fine_tuned", "all branches"]
    assert len(sentences) == len(names)
    for name, sentence in zip(names, sentences, strict=True):
        assert name in sentence
