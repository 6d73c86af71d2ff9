"""make reproduce-paper: measurements are kept, places are read, the report holds the verdicts."""

from pathlib import Path

import pytest

from scripts.studies import theory
from scripts.studies.reproduce import __main__ as reproduce
from scripts.studies.reproduce.claim import Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings, read_paths
from scripts.studies.reproduce.studies import CLAIMS, correlation, datasets, ecs, gradient, solver
from tests.scripts.theory.tiny import TINY


def halves(count: int) -> list[float]:
    return [0.5] * count


def not_a_number() -> float:
    return float("nan")


def test_a_value_is_measured_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Measurements(tmp_path, "study")
    first.measure("a", halves, 2)
    again = Measurements(tmp_path, "study")
    again.measure("a", halves, 2)
    assert capsys.readouterr().out.count("halves(2)") == 1
    assert again.parts == first.parts
    again.measure("a", halves, 3)
    assert again.values == {"a": [0.5, 0.5, 0.5]}
    assert again.parts["a"]["machine"]
    assert again.seconds >= 0


def test_not_a_number_is_not_kept(tmp_path: Path) -> None:
    numbers = Measurements(tmp_path, "study")
    for _ in range(2):
        with pytest.raises(ValueError, match="not JSON compliant"):
            numbers.measure("a", not_a_number)
    assert numbers.parts == {}


def test_places_are_sorted_into_here_and_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path))
    file = tmp_path / "paths.yaml"
    file.write_text("cremad: $PLACE\nave: nowhere/ave\n", encoding="utf-8")
    assert read_paths(file) == ({"cremad": tmp_path}, {"ave": Path("nowhere/ave")})
    file.write_text("- cremad\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must map each name to one path"):
        read_paths(file)
    with pytest.raises(FileNotFoundError, match=r"PATHS=.*none\.yaml does not exist"):
        read_paths(tmp_path / "none.yaml")


@pytest.mark.slow
def test_the_report_holds_claim_verdict_and_where_the_numbers_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROFILE", "quick")
    monkeypatch.setattr(reproduce, "CLAIMS", (gradient.CLAIM,))
    reproduce.main()
    folder = Path("outputs/reproduce/quick")
    page = (folder / "report.html").read_text(encoding="utf-8")
    for text in (gradient.CLAIM.title, gradient.CLAIM.claim, f"{folder}/gradient.json",
                 "make reproduce-paper PROFILE=quick", "reproduced"):  # fmt: skip
        assert text in page
    assert "1. A differentiable decomposition: reproduced" in capsys.readouterr().out
    kept = (folder / "gradient.json").read_bytes()
    reproduce.main()
    assert (folder / "gradient.json").read_bytes() == kept


def test_an_unknown_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILE", "slow")
    with pytest.raises(SystemExit, match="PROFILE is 'slow', expected one of"):
        reproduce.main()


def test_claims_that_share_a_notebook_share_its_measurement() -> None:
    by_name: dict[str, set[object]] = {}
    for claim in CLAIMS:
        by_name.setdefault(claim.name, set()).add(claim.measure)
    assert all(len(measures) == 1 for measures in by_name.values())
    assert len({claim.title for claim in CLAIMS}) == len(CLAIMS)


def test_without_data_the_verdict_is_the_command(tmp_path: Path) -> None:
    settings = Settings("quick", tmp_path, {}, {"cremad": Path("data/cremad")})
    finding = datasets.CLAIM.conclude(settings, {"cremad | imitation": 50.0})
    assert finding.verdict is Verdict.NEEDS
    assert "+experiment=cremad dataset.root=data/cremad" in finding.sentence


def test_the_solver_study_measures_a_gate(tmp_path: Path) -> None:
    pytest.importorskip("cvxpy")
    for name in solver.SOLVERS:
        measurement = solver.measured("gate XOR", name, 1)
        assert measurement["error_bits"] < 1e-3, name
        assert measurement["cpu_ms"] > 0


def test_rank_correlation_of_a_monotone_relation_is_one() -> None:
    points = [{"synergy": x, "accuracy": x**3} for x in (0.1, 0.4, 0.2, 0.9, 0.7, 0.5)]
    assert correlation.spearman(points, "synergy") == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="all runs have the same epochs or the same accuracy"):
        correlation.spearman([{**p, "epochs": 3} for p in points], "epochs")


@pytest.mark.slow
def test_the_theory_is_measured_once_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(theory.PROFILES, "quick", TINY)
    settings = Settings("quick", tmp_path, {}, {})
    numbers = Measurements(tmp_path, "ecs")
    for _ in range(2):
        ecs.run(settings, numbers)
    assert capsys.readouterr().out.count("RateStudy") == len(TINY.rates.names())
    for claim in (ecs.WINNER, ecs.RATES, ecs.PROXY):
        finding = claim.conclude(settings, numbers.values)
        assert finding.verdict in (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)
        assert len(finding.blocks) >= 3


@pytest.mark.parametrize("sign", [1, -1])
def test_a_correlation_of_two_signs_is_not_reproduced(sign: int, tmp_path: Path) -> None:
    settings = Settings("quick", tmp_path, {}, {})
    values = {}
    for data, side in zip(correlation.DATASETS, (1, sign), strict=True):
        runs = [(e, s) for e in correlation.EPOCHS for s in settings.seeds(3, 20)]
        for number, (epochs, seed) in enumerate(runs):
            measures = dict.fromkeys(correlation.MEASURES, 0.01 * side * number)
            values[f"{data} | {epochs} | {seed}"] = {**measures, "accuracy": float(number)}
    finding = correlation.CLAIM.conclude(settings, values)
    expected = Verdict.REPRODUCED if sign > 0 else Verdict.NOT_REPRODUCED
    assert finding.verdict is expected
