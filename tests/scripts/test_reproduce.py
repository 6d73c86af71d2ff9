"""make reproduce-paper: parts are kept, places are read, and the report says what was found."""

from pathlib import Path

import pytest

from scripts.studies import theory
from scripts.studies.reproduce import __main__ as reproduce
from scripts.studies.reproduce.bench import Bench, Notebook, read_paths
from scripts.studies.reproduce.claim import Verdict
from scripts.studies.reproduce.studies import CLAIMS, correlation, datasets, ecs, gradient, solver
from scripts.studies.reproduce.training import mean_and_interval, train_all
from tests.scripts.theory.tiny import TINY


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


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        mean_and_interval([3.0])
    mean, low, high = mean_and_interval([1.0, 3.0])
    assert low < mean < high


def test_a_run_with_other_settings_is_not_taken_for_this_one(tmp_path: Path) -> None:
    saved = tmp_path / "run" / ".hydra" / "overrides.yaml"
    saved.parent.mkdir(parents=True)
    saved.write_text("- seed=1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="was trained with seed=1, now expected seed=2; remove"):
        train_all({tmp_path / "run": ["seed=2"]})


def test_what_is_read_off_a_training_keeps_its_date_while_it_is_the_same(tmp_path: Path) -> None:
    book = Notebook.open(tmp_path / "study.json")
    book.read("a", lambda: (1, 2))
    book.parts["a"]["date"] = "2000-01-01"
    book.read("a", lambda: (1, 2))
    assert book.parts["a"]["date"] == "2000-01-01"
    book.read("a", lambda: (1, 3))
    assert book.values() == {"a": [1, 3]}
    assert book.parts["a"]["date"] != "2000-01-01"


def test_the_theory_is_told_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(theory.PROFILES, "quick", TINY)
    bench = Bench("quick", tmp_path, {}, {})
    book = Notebook.open(bench.file("ecs"))
    ecs.run(bench, book)
    kept = bench.file("ecs").read_bytes()
    ecs.run(bench, Notebook.open(bench.file("ecs")))
    assert bench.file("ecs").read_bytes() == kept
    for claim in (ecs.WINNER, ecs.RATES, ecs.PROXY):
        told = claim.tell(bench, book.values())
        assert told.verdict in (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)
        assert len(told.blocks) >= 3


@pytest.mark.parametrize("sign", [1, -1])
def test_a_correlation_of_two_signs_is_not_reproduced(sign: int, tmp_path: Path) -> None:
    bench = Bench("quick", tmp_path, {}, {})
    values = {}
    for data, side in zip(correlation.DATASETS, (1, sign), strict=True):
        runs = [(e, s) for e in correlation.EPOCHS for s in bench.seeds(3, 20)]
        for number, (epochs, seed) in enumerate(runs):
            measures = dict.fromkeys(correlation.MEASURES, 0.01 * side * number)
            values[f"{data} | {epochs} | {seed}"] = {**measures, "accuracy": float(number)}
    told = correlation.CLAIM.tell(bench, values)
    expected = Verdict.REPRODUCED if sign > 0 else Verdict.NOT_REPRODUCED
    assert told.verdict is expected
