"""A search: trials judged on validation alone, the same if interrupted, counted in comparisons."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fusion_sched.analysis import compare
from fusion_sched.analysis.studies import ENDED, PRUNED, RUNNING, Study, read_study
from fusion_sched.commands.choices import groups_of, settings_of
from fusion_sched.commands.evaluate import print_scores
from fusion_sched.commands.search import best_overrides, search_of
from fusion_sched.config.schema import config_dir
from fusion_sched.report import write_report
from fusion_sched.runlog import read_trace
from tests.conftest import Answer, check_message, make_config, of, read_events

pytest.importorskip("optuna", reason="needs the extra `search`")
Command = Callable[..., Answer]

TINY = ("stage1.epochs=1", "stage2.epochs=2", "probe=kmeans", "probe.resamples=2",
        "probe.shuffles=2", "probe.samples=100", "probe.joint_every=100", "encoder=mlp",
        "tracker=none", "robustness=false", "solver=proxy", "dataset=synthetic",
        "dataset.samples=300", "controller=joint")  # fmt: skip
SPACE = ("hydra/sweeper=optuna", "stage2.optimizer.lr=interval(1e-4,1e-1)")
FIVE = ("hydra.sweeper.trials=5", "hydra.sweeper.parallel=2")


def search(command: Command, *overrides: str) -> Answer:
    return command("train", "-m", *TINY, *overrides)


def study_in(folder: Path) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


@pytest.fixture
def five(command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a study of five trials."""
    whole = tmp_path_factory.getbasetemp() / "five_trials"
    if not whole.exists():
        answer = search(command, *SPACE, *FIVE, f"hydra.sweep.dir={whole}")
        assert answer.code == 0, answer.err
        (whole / "printed.txt").write_text(answer.out, encoding="utf-8")
    return Path(shutil.copytree(whole, tmp_path / "five"))


def test_a_trial_is_judged_by_the_validation_value_of_its_trace(five: Path) -> None:
    study = study_in(five)
    assert [trial.state for trial in study.trials] == [ENDED] * 5
    for trial in study.trials:
        trace = read_trace(five / trial.folder)
        assert (
            trace.start["config"]["stage2"]["optimizer"]["lr"]
            == trial.values["stage2.optimizer.lr"]
        )
        assert trace.result is not None
        assert trial.objective == trace.result["validation"]["fused"]
        kept = [e["accuracy"]["validation"]["fused"] for e in of(trace.events, "epoch")]
        assert trial.objective == max(kept), "the epoch that would be deployed"
    objectives = [trial.objective for trial in study.trials]
    assert study.best is study.trials[objectives.index(max(o for o in objectives if o))]
    assert study.trials[0].values == {"stage2.optimizer.lr": 0.01}, "as it is configured"
    assert len({trial.values["stage2.optimizer.lr"] for trial in study.trials}) == 5


def test_an_interrupted_study_goes_on_with_the_same_trials(command: Command, five: Path) -> None:
    """The second batch was proposed, and one of its runs had not ended, when it was killed."""
    whole = (five / "study.json").read_text()
    record = json.loads(whole)
    record["trials"] = record["trials"][:4]
    for trial in record["trials"][2:]:
        trial |= {"state": RUNNING, "objective": None, "folder": ""}
    (five / "study.json").write_text(json.dumps(record))
    shutil.rmtree(five / "3")
    shutil.rmtree(five / "4")
    before = (five / "2" / "trace.jsonl").read_bytes()
    answer = search(command, *SPACE, *FIVE, "hydra.sweep.dir=five", "sweep.resume=true")
    assert answer.code == 0, answer.err
    assert json.loads((five / "study.json").read_text()) == json.loads(whole)
    assert (five / "2" / "trace.jsonl").read_bytes() == before
    assert answer.out.count("has already ended") == 1


def test_test_values_are_never_read(
    command: Command, five: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended runs are judged anew from traces that have lost all that is of test."""
    whole = (five / "study.json").read_text()
    record = json.loads(whole)
    for trial in record["trials"]:
        trial |= {"state": RUNNING, "objective": None, "folder": ""}
    (five / "study.json").write_text(json.dumps(record))
    for number in range(5):
        events = read_events(five / str(number))
        for name in ("test", "best_on_test", "optimism_gap", "confusion", "quadrants"):
            events[-1].pop(name)
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        (five / str(number) / "trace.jsonl").write_text(lines)
    search(command, *SPACE, *FIVE, "hydra.sweep.dir=five", "sweep.resume=true")
    assert json.loads((five / "study.json").read_text()) == json.loads(whole)


def test_the_end_names_the_best_trial_and_how_to_train_it(command: Command, five: Path) -> None:
    printed = (five / "printed.txt").read_text(encoding="utf-8")
    best = study_in(five).best
    assert best is not None
    assert f"best on validation: trial {best.number}, accuracy {best.objective:.4f}" in printed
    line = next(line for line in printed.splitlines() if line.startswith("train it again: "))
    words = line.removeprefix("train it again: fusion-sched ").split()
    assert words == ["train", *best_overrides(study_in(five))]
    assert command(*words, "hydra.run.dir=again").code == 0
    result = read_events(Path("again"))[-1]
    assert result["validation"]["fused"] == best.objective
    comparison = compare([Path("again")])
    assert comparison.tables[0].notes == ("all runs: tuned with 5 trials on validation",)


def test_a_comparison_shows_the_best_trial_alone_and_counts_them(
    command: Command, five: Path, tmp_path: Path
) -> None:
    best = study_in(five).best
    assert best is not None
    command("train", *TINY, "+method=ogm_ge", "hydra.run.dir=other", "dataset.samples=300")
    comparison = compare([five, tmp_path / "other"])
    (table,) = comparison.tables
    assert sorted(len(row.runs) for row in table.rows) == [1, 1]
    assert {run.path.parent for row in table.rows for run in row.runs} == {
        five / best.folder, tmp_path / "other"
    }  # fmt: skip
    tuned = next(note for note in table.notes if "tuned" in note)
    assert "tuned with 5 trials on validation" in tuned
    assert "ogm_ge: not tuned; rows with more trials have an advantage" in tuned
    assert sorted(row.search_trials for row in table.rows) == [0, 5]
    said = "\n".join(comparison.notes)
    assert f"{five} is a study of 5 trials (5 ended): trial {best.number} is the best" in said
    notes = write_report([five], tmp_path / "page.html")
    assert any("is a study of 5 trials" in note for note in notes)
    assert "is a study of 5 trials" in (tmp_path / "page.html").read_text(encoding="utf-8")
    named = compare([five / str(n) for n in range(5)])
    assert sum(len(row.runs) for row in named.tables[0].rows) == 5


def test_the_loss_is_of_the_saved_model(command: Command, tmp_path: Path) -> None:
    answer = search(
        command, *SPACE, "hydra.sweeper.trials=2", "hydra.sweeper.objective=loss",
        "hydra.sweep.dir=loss",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    study = study_in(tmp_path / "loss")
    losses = [float(trial.objective or 0) for trial in study.trials]
    assert study.best is study.trials[losses.index(min(losses))]
    assert all(0 < loss < 4 for loss in losses), "16 classes: log(16) = 2.8 by chance"
    scores = print_scores(tmp_path / "loss" / "0", "validation", None, True, [])
    result = read_events(tmp_path / "loss" / "0")[-1]
    assert json.loads(scores[0])["validation"]["fused"]["accuracy"] == pytest.approx(
        result["validation"]["fused"]
    )


def test_a_trial_behind_the_median_is_pruned(command: Command, tmp_path: Path) -> None:
    overrides = ("hydra/sweeper=optuna", "stage2.optimizer.lr=0.1,0.2,1e-9", "stage2.epochs=3",
                 "hydra.sweeper.trials=8", "hydra.sweeper.prune=true")  # fmt: skip
    answer = search(command, *overrides, "hydra.sweep.dir=pruned")
    assert answer.code == 0, answer.err
    study = study_in(tmp_path / "pruned")
    pruned = [trial for trial in study.trials if trial.state == PRUNED]
    assert pruned, study.summary
    assert all(trial.number >= 4 and trial.objective is None for trial in pruned)
    for trial in pruned:
        events = read_events(tmp_path / "pruned" / str(trial.number))
        assert 0 < len(of(events, "epoch")) <= 4
        assert not of(events, "result")
    assert f"{len(pruned)} pruned" in answer.out


def test_the_study_does_not_depend_on_the_launcher(command: Command, five: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra `joblib`")
    jobs = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    answer = search(command, *SPACE, *FIVE, *jobs, "hydra.sweep.dir=jobs")
    assert answer.code == 0, answer.err
    assert (five.parent / "jobs" / "study.json").read_text() == (five / "study.json").read_text()


WRONG = [
    (["seed=0,1"], ["seed has several values", "luckiest"]),
    ([], ["nothing to search", "+search=default"]),
    (["batch_size=interval(9,3)"], ["batch_size=interval(9,3)", "LOW below HIGH"]),
    (["batch_size=8,16", "hydra.sweeper.objective=test"], ["objective is 'test'", "validation"]),
    (["batch_size=8,16", "hydra.sweeper.trials=0"], ["trials is 0", "1 or more"]),
]


@pytest.mark.parametrize(("overrides", "words"), WRONG, ids=str)
def test_a_search_that_cannot_be_is_refused(
    command: Command, overrides: list[str], words: list[str]
) -> None:
    check_message(search(command, "hydra/sweeper=optuna", *overrides), 1, words)


def test_a_search_needs_the_flag_of_a_sweep(command: Command) -> None:
    check_message(command("train", "+search=default"), 1, ["+search=default", "add -m"])


def test_another_search_does_not_go_on_in_the_folder(command: Command, five: Path) -> None:
    again = (*SPACE, "hydra.sweep.dir=five")
    check_message(search(command, *again, *FIVE), 1, ["already holds a study", "sweep.resume=true"])
    other = ("hydra.sweeper.seed=3", "sweep.resume=true")
    check_message(search(command, *again, *FIVE, *other), 1, ["begun with seed 0, not 3"])


OWN = sorted({path.stem for path in groups_of()["search"]} - {"default", "two_stages"})


@pytest.mark.parametrize("method", OWN)
def test_a_space_has_keys_of_its_method(method: str) -> None:
    cfg = make_config(f"+method={method}")
    keys = list(searched(method))
    assert "stage2.optimizer.lr" in keys
    assert all(OmegaConf.select(cfg, key) is not None for key in keys), keys


def searched(choice: str) -> Iterator[str]:
    """Yield the keys of a space, those that it takes over included."""
    for override in settings_of(config_dir() / "search" / f"{choice}.yaml"):
        key, _, value = override.partition("=")
        if key == "+search":
            yield from searched(value)
        elif not key.startswith("/") and "/" not in key:
            yield key


def test_methods_without_a_space_of_their_own_share_one_by_their_stages() -> None:
    assert search_of("joint") == "default"
    assert search_of("frozen") == search_of("fine_tuned") == "two_stages"
    assert search_of("pid") == "pid"
