from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from scripts.studies.theory.information import ESTIMATORS
from scripts.studies.theory.proxy import Worlds
from scripts.studies.theory.proxy_findings import world_findings
from scripts.studies.theory.statistics import rank_correlation
from tests.scripts.theory.tiny import TINY

STEPS = [0, 10, 20, 30]


def part(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"checkpoints": STEPS, "runs": runs}


def made_up(seed: int, rises: bool, winner: int) -> dict[str, Any]:
    """A run in which ECS grows, MI grows or falls, and one modality wins both classes."""
    rng = np.random.default_rng(seed)
    ecs = np.sort(rng.random((4, 2)), axis=0)
    bits = ecs**2 if rises else 3 - ecs
    by_class = np.array([[0.1, 0.1], [0.2, 0.2]])
    right = by_class if winner == 1 else by_class[::-1]
    strength = np.eye(2)[[winner, winner]].T
    moment = {"ecs": right.tolist(), **{e: right[::-1].tolist() for e in ESTIMATORS}}
    return {
        "ecs": ecs.tolist(),
        **{e: bits.tolist() for e in ESTIMATORS},
        "decided_step": [5, 7],
        "strength_decided": strength.tolist(),
        "start": moment,
        "halfway": moment,
    }


@pytest.mark.parametrize(("rises", "expected"), [(True, 1.0), (False, -1.0)])
def test_correlation_within_runs(rises: bool, expected: float) -> None:
    runs = [made_up(seed, rises, winner=seed % 2) for seed in range(5)]
    found = world_findings(part(runs), part(runs))
    for stage in ("unimodal", "joint"):
        for estimator in ESTIMATORS:
            assert found.within[stage][estimator].spearman.value == pytest.approx(expected)
            assert found.within[stage][estimator].kendall.value == pytest.approx(expected)


def test_predictions_of_winners() -> None:
    """ECS is made right everywhere, and MI wrong everywhere."""
    runs = [made_up(seed, rises=True, winner=seed % 2) for seed in range(6)]
    found = world_findings(part(runs), part(runs))
    assert found.contested == 12
    for moment in ("start", "halfway"):
        predictions = found.predictions[moment]
        assert predictions["ecs"].classes.value == 1
        assert predictions["response"].classes.value == 0
        assert predictions["response"].behind.value == 1


def test_rank_correlation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    y = x + rng.normal(size=(40, 2))
    found = rank_correlation(x, y)
    assert found.value == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic)
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < found.value < found.high < 1


def test_values_without_spread_have_no_correlation() -> None:
    assert rank_correlation(np.ones((5, 1)), np.arange(5.0)[:, None]).value is None


def test_checkpoints_and_moments_of_a_run(result: dict[str, Any]) -> None:
    runs = result["parts"]["proxy"]["alike, joint"]["runs"]
    assert len(runs) == TINY.proxy.runs
    for row in runs:
        assert np.array(row["ecs"]).shape == (4, 2)
        assert np.array(row["decision"]).shape == (4, 2)
        for name in ("ecs", *ESTIMATORS):
            assert np.array(row["start"][name]).shape == (2, 6)
            assert np.array(row["halfway"][name]).shape == (2, 6)
        mean_at_start = np.array(row["start"]["ecs"]).mean(1)
        assert mean_at_start.tolist() == pytest.approx(row["ecs"][0], rel=1e-4)


def test_information_grows_with_training(result: dict[str, Any]) -> None:
    for row in result["parts"]["proxy"]["alike, unimodal"]["runs"]:
        assert np.array(row["response"])[-1].mean() > np.array(row["response"])[0].mean()


def test_worlds_differ_by_run_and_stay() -> None:
    worlds = Worlds("alike", (0.0, 0.2))
    assert worlds.setting(8, 0) == worlds.setting(8, 0)
    assert worlds.setting(8, 0) != worlds.setting(8, 1)
    assert all(0 <= mu <= 0.2 for mu in worlds.setting(8, 3).insufficient)


def test_checkpoints_must_begin_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"checkpoints=\(4, 8, 16\); expected three or more"):
        replace(TINY.proxy, checkpoints=(4, 8, 16))
