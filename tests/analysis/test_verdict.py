"""Whether the schedule helps, in words."""

import json

import pytest
from scipy import stats

from fusion_sched.analysis import compare, render
from tests.analysis.conftest import Maker

JOINT = {0: 0.60, 1: 0.63, 2: 0.58, 3: 0.61, 4: 0.59}
BETTER = {0: 0.70, 1: 0.71, 2: 0.69, 3: 0.73, 4: 0.68}
ENSEMBLE = ("balancer=unimodal", "fusion=average", "controller=joint")


def test_a_verdict_beats_and_cannot_tell(make_run: Maker) -> None:
    make_run.row(BETTER, "controller=pid")
    make_run.row(JOINT, *ENSEMBLE)
    make_run.row({s: v + 0.03 * (-1) ** s for s, v in BETTER.items()}, "controller=fixed")
    (table,) = compare([make_run.folder]).tables
    ensemble, fixed = table.verdict
    pair = stats.ttest_rel([100 * v for v in BETTER.values()], [100 * v for v in JOINT.values()])
    assert ensemble.startswith(
        "balancer=none controller=pid fusion=concat beats balancer=unimodal controller=joint "
        "fusion=average (ensemble of unimodal models): "
    )
    low, high = pair.confidence_interval(0.95)
    assert f"+10.0 points (95 %: {low:+.1f} to {high:+.1f}, p < 0.001, paired t)" in ensemble
    assert 2 * pair.pvalue < 0.001
    assert fixed.startswith(
        "balancer=none controller=pid fusion=concat and balancer=none controller=fixed "
        "fusion=concat (two stages "
        "without diagnostics) cannot "
    )
    assert "with 5 seeds" in fixed


def test_a_verdict_says_beaten_and_what_is_missing(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=pid")
    make_run.row(BETTER, "controller=fixed")
    ensemble, fixed = compare([make_run.folder]).tables[0].verdict
    assert "balancer=unimodal fusion=average" in ensemble
    assert fixed.startswith("controller=pid is beaten by controller=fixed")
    assert "-10.0 points" in fixed


def test_the_best_schedule_is_chosen_on_validation(make_run: Maker) -> None:
    lucky = {"validation": {"fused": 0.5, "gray": 0.5, "colored": 0.5}}
    make_run.row(BETTER, "controller=pid", result=lucky)
    make_run.row(JOINT, "controller=mi")
    make_run.row(JOINT, "controller=fixed")
    _, fixed = compare([make_run.folder]).tables[0].verdict
    assert fixed.startswith("controller=mi, best of 2 on validation against controller=fixed")
    assert "not judged: the same on every seed" in fixed


def test_one_seed_is_no_verdict(make_run: Maker) -> None:
    make_run(0, 0.7, "controller=pid")
    make_run(0, 0.6, "controller=fixed")
    _, fixed = compare([make_run.folder]).tables[0].verdict
    assert "+10.0 points with 1 seed; not judged: one pair of seeds" in fixed


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
    make_run.row({0: 0.7, 1: 0.72}, "controller=pid")
    sentences = compare([make_run.folder]).tables[0].verdict
    names = ["ensemble_calibrated", "fine_tuned", "best_unimodal", "multi_loss", "all branches"]
    assert len(sentences) == len(names)
    for name, sentence in zip(names, sentences, strict=True):
        assert name in sentence
