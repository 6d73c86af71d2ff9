"""Who is what by its configuration, and whether the schedule helps, in words."""

import pytest
from scipy import stats

from fusion_sched.analysis import compare
from fusion_sched.analysis.roles import Role, role_of
from tests.analysis.conftest import Maker
from tests.conftest import make_config

JOINT = {0: 0.60, 1: 0.63, 2: 0.58, 3: 0.61, 4: 0.59}
BETTER = {0: 0.70, 1: 0.71, 2: 0.69, 3: 0.73, 4: 0.68}
ENSEMBLE = ("balancer=unimodal", "fusion=average", "controller=joint")


@pytest.mark.parametrize(
    ("overrides", "role"),
    [
        (["controller=joint"], Role.JOINT),
        (["controller=joint", "balancer=fused_only"], Role.JOINT),
        (["controller=fixed"], Role.FIXED),
        (["controller=fixed", "balancer=frozen"], Role.FROZEN),
        (list(ENSEMBLE), Role.ENSEMBLE),
        (["controller=fixed", "balancer=unimodal", "fusion=average"], Role.ENSEMBLE),
        (["controller=joint", "balancer=unimodal"], Role.OTHER),
        (["controller=joint", "balancer=frozen"], Role.OTHER),
        (["controller=random"], Role.OTHER),
        (["controller=pid"], Role.SCHEDULE),
        (["controller=mi", "balancer=uniform"], Role.SCHEDULE),
    ],
)
def test_rows_are_recognised_by_their_configuration(overrides: list[str], role: Role) -> None:
    assert role_of(make_config(*overrides)) is role


def test_a_verdict_beats_and_cannot_tell(make_run: Maker) -> None:
    make_run.row(BETTER, "controller=pid")
    make_run.row(JOINT, *ENSEMBLE)
    make_run.row({s: v + 0.03 * (-1) ** s for s, v in BETTER.items()}, "controller=fixed")
    (table,) = compare([make_run.folder]).tables
    ensemble, fixed = table.verdict
    pair = stats.ttest_rel([100 * v for v in BETTER.values()], [100 * v for v in JOINT.values()])
    assert ensemble.startswith("PID Concat beats Joint Average (ensemble of unimodal models): ")
    low, high = pair.confidence_interval(0.95)
    assert f"+10.0 points (95 %: {low:+.1f} to {high:+.1f}, p < 0.001, paired t)" in ensemble
    assert 2 * pair.pvalue < 0.001
    assert fixed.startswith("PID Concat and Fixed Concat (two stages without diagnostics) cannot ")
    assert "with 5 seeds" in fixed


def test_a_verdict_says_beaten_and_what_is_missing(make_run: Maker) -> None:
    make_run.row(JOINT, "controller=pid")
    make_run.row(BETTER, "controller=fixed")
    ensemble, fixed = compare([make_run.folder]).tables[0].verdict
    assert "balancer=unimodal fusion=average" in ensemble
    assert fixed.startswith("PID is beaten by Fixed")
    assert "-10.0 points" in fixed


def test_the_best_schedule_is_chosen_on_validation(make_run: Maker) -> None:
    lucky = {"validation": {"fused": 0.5, "gray": 0.5, "colored": 0.5}}
    make_run.row(BETTER, "controller=pid", result=lucky)
    make_run.row(JOINT, "controller=mi")
    make_run.row(JOINT, "controller=fixed")
    _, fixed = compare([make_run.folder]).tables[0].verdict
    assert fixed.startswith("MutualInformation, best of 2 on validation against Fixed")
    assert "not judged: the same on every seed" in fixed


def test_one_seed_is_no_verdict(make_run: Maker) -> None:
    make_run(0, 0.7, "controller=pid")
    make_run(0, 0.6, "controller=fixed")
    _, fixed = compare([make_run.folder]).tables[0].verdict
    assert "+10.0 points with 1 seed; not judged: one pair of seeds" in fixed
