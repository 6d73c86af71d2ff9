import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib import Memory

from scripts.studies.theory import (
    PROFILES,
    proxy_series,
    rate_series,
    run,
    tables,
    verdicts,
    winner_series,
)
from scripts.studies.theory.rates import RateStudy
from tests.scripts.theory.conftest import CPU
from tests.scripts.theory.tiny import TINY


class Interrupted(Exception):
    pass


def test_an_interrupted_run_continues_and_computes_nothing_twice(
    result: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, computed = RateStudy.part, []

    def third_is_interrupted(self: RateStudy, name: str, device: torch.device) -> dict[str, Any]:
        if len(computed) == 2:
            computed.append("interrupted")
            raise Interrupted
        computed.append(name)
        return compute(self, name, device)

    monkeypatch.setattr(RateStudy, "part", third_is_interrupted)
    with pytest.raises(Interrupted):
        run(TINY, CPU, Memory(tmp_path, verbose=0))
    continued = run(TINY, CPU, Memory(tmp_path, verbose=0))
    computed.remove("interrupted")
    assert sorted(computed) == sorted(TINY.rates.names())
    for whole in (continued, result):
        for parts in whole["parts"].values():
            for part in parts.values():
                part.pop("seconds")
    assert continued == result


def test_the_result_is_what_a_file_gives_back(result: dict[str, Any]) -> None:
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_other_knobs_are_computed_anew(
    result: dict[str, Any], memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    result = run(replace(TINY, proxy=replace(TINY.proxy, runs=4)), CPU, memory)
    printed = capsys.readouterr().out
    assert printed.count("ProxyStudy") == len(TINY.proxy.names())
    assert "RateStudy" not in printed
    assert len(result["parts"]["proxy"]["alike, joint"]["runs"]) == 4


def test_tables_are_rectangles_of_strings(result: dict[str, Any]) -> None:
    assert list(tables(result)) == ["winner", "rates", "proxy"]
    found = [table for about in tables(result).values() for table in about]
    assert len({table.title for table in found}) == len(found) == 8
    for table in found:
        assert table.rows, table.title
        for row in table.rows:
            assert len(row) == len(table.header), table.title
            assert all(isinstance(cell, str) and cell for cell in row), table.title


def test_every_claim_has_a_verdict(result: dict[str, Any]) -> None:
    found = verdicts(result)
    assert list(found) == ["winner", "rates", "proxy"]
    assert {verdict.verdict for verdict in found.values()} <= {"reproduced", "not reproduced"}


def exponent(value: float, half: float = 0.1) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


@pytest.mark.parametrize(
    ("joint", "shaped", "gain", "seen"),
    [
        (0.9, 1.9, 1.0, True),
        (0.7, 1.9, 1.2, False),
        (1.0, 1.7, 0.7, False),
        (1.2, 1.8, 0.05, False),
    ],
)
def test_rates_are_judged_by_both_exponents_and_their_difference(
    result: dict[str, Any], joint: float, shaped: float, gain: float, seen: bool
) -> None:
    conditions = result["summary"]["rates"]["ladders"]["first"]["conditions"]
    conditions[0]["exponent"] = exponent(joint)
    conditions[1].update(exponent=exponent(shaped), gain=exponent(gain))
    found = verdicts(result)["rates"]
    assert found.verdict == ("reproduced" if seen else "not reproduced")
    assert f"a = {joint:.2f} [{joint - 0.1:.2f}" in found.sentence


@pytest.mark.parametrize(("low", "seen"), [(0.91, True), (0.89, False)])
def test_winners_are_judged_by_the_interval(result: dict[str, Any], low: float, seen: bool) -> None:
    clear = {"value": 0.95, "low": low, "high": 0.99}
    result["summary"]["winner"]["pooled"]["contested"]["clear"] = clear
    assert verdicts(result)["winner"].verdict == ("reproduced" if seen else "not reproduced")


@pytest.mark.parametrize(
    ("rank", "behind", "seen"), [(0.95, 0.02, True), (0.95, 0.3, False), (0.85, 0.02, False)]
)
def test_the_proxy_must_rise_with_ecs_and_tell_winners(
    result: dict[str, Any], rank: float, behind: float, seen: bool
) -> None:
    found = result["summary"]["proxy"]["worlds"]["alike"]
    for stage in found["within"].values():
        stage["response"]["spearman"] = exponent(rank)
    found["predictions"]["start"]["response"]["behind"] = exponent(behind, half=0.01)
    assert verdicts(result)["proxy"].verdict == ("reproduced" if seen else "not reproduced")


def test_series_can_be_drawn(result: dict[str, Any]) -> None:
    for series in winner_series(result):
        assert all(0 <= point.low <= point.y <= point.high <= 1 for point in series.points)
    points, lines = rate_series(result)
    assert [series.name for series in points] == ["joint from scratch", "50 % unimodal first"]
    assert all(point.low > 0 for series in points for point in series.points)
    assert [line.name for line in lines][-2:] == ["μ = 1/K", "μ₁μ₂ = 1/K²"]
    assert lines[-1].y == [1 / 36, 1 / 64]
    scatter = proxy_series(result, "decision")
    assert [series.name for series in scatter] == ["unimodal", "joint"]
    assert len(scatter[0].points) == TINY.proxy.runs * 4 * 2
    assert all(point.x > 0 for point in scatter[0].points)


def test_a_point_without_wrong_answers_is_drawn_and_says_so(result: dict[str, Any]) -> None:
    rung = result["summary"]["rates"]["ladders"]["first"]["conditions"][1]["rungs"][1]
    rung.update(wrong=0, error={"value": 0.0, "low": 0.0, "high": 0.0})
    point = rate_series(result)[0][1].points[1]
    assert point.y == 0.5 / rung["test_samples"]
    assert "half a wrong answer" in point.label


def test_profiles_can_be_run() -> None:
    for name, profile in PROFILES.items():
        assert profile.name == name
        ladder = profile.rates.ladders[0]
        assert profile.rates.judged_share in ladder.shares
    assert max(PROFILES["full"].rates.ladders[0].classes) == 64
