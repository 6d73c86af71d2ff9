"""make reproduce-paper: parts are kept, places are read, and the report says what was found."""

from pathlib import Path

import pytest

from fusion_sched.trace import read_trace
from scripts.reproduce import __main__ as reproduce
from scripts.reproduce.bench import Bench, Notebook, read_paths
from scripts.reproduce.claim import Verdict
from scripts.reproduce.studies import CLAIMS, correlation, datasets, gradient, solver
from scripts.reproduce.training import hand_over_probe, mean_and_interval


def test_a_part_is_measured_once(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    first = Notebook.open(path)
    assert first.part("a", lambda: {"bits": 0.5}) == {"bits": 0.5}
    again = Notebook.open(path)
    assert again.part("a", lambda: pytest.fail("measured twice")) == {"bits": 0.5}
    assert again.parts["a"]["machine"]
    assert again.seconds >= 0


def test_a_number_that_is_none_is_not_kept(tmp_path: Path) -> None:
    book = Notebook.open(tmp_path / "study.json")
    with pytest.raises(ValueError, match="not JSON compliant"):
        book.part("a", lambda: float("nan"))
    assert Notebook.open(tmp_path / "study.json").parts == {}


def test_a_damaged_notebook_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"parts": {"a"', encoding="utf-8")
    with pytest.raises(ValueError, match=r"study\.json is not what this command writes"):
        Notebook.open(tmp_path / "study.json")


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
    bench = Bench("quick", tmp_path, {}, {"cremad": Path("data/cremad")})
    told = datasets.CLAIM.tell(bench, {"cremad | imitation": {"clips": 8, "accuracy": 50.0}})
    assert told.verdict is Verdict.NEEDS
    assert "+experiment=cremad dataset.root=data/cremad" in told.sentence


def test_the_solver_study_measures_a_gate(tmp_path: Path) -> None:
    pytest.importorskip("cvxpy")
    xor = solver.problems(quick=True)["gate XOR"]
    for name in solver.SOLVERS:
        found = solver.measured(xor, name, 1)
        assert found["error_bits"] < 1e-3, name
        assert found["cpu_ms"] > 0


def test_rank_correlation_of_a_monotone_relation_is_one() -> None:
    x = [0.1, 0.4, 0.2, 0.9, 0.7, 0.5]
    rho, low, high = correlation.spearman(x, [v**3 for v in x])
    assert (rho, low, high) == pytest.approx((1, 1, 1))


def test_the_probe_at_the_hand_over_is_the_last_before_it(short_runs: Path) -> None:
    trace = read_trace(short_runs / "pid0")
    found = hand_over_probe(trace)
    assert found is not None
    joint = next(e["epoch"] for e in trace.of("epoch") if e["stage"] == "joint")
    assert found["epoch"] < joint


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        mean_and_interval([3.0])
    mean, low, high = mean_and_interval([1.0, 3.0])
    assert low < mean < high
