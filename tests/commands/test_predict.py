"""From a trained model to predictions and scores: `predict`, `evaluate`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_sched.commands.export import export_program
from fusion_sched.config.load import load_model
from fusion_sched.data.files import Files
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.models.saved import MODEL_DIR
from tests.conftest import check_message, of, read_events, run_once
from tests.processes import Answer

Command = Callable[..., Answer]
SHORT = ("encoder=mlp", "stage1.epochs=1", "stage2.epochs=1", "probe.resamples=5",
         "probe.shuffles=1", "robustness=false", "tracker=none")  # fmt: skip


def write_arrays(path: Path, rows: slice = slice(None), **changed: np.ndarray | None) -> Path:
    """Write 150 samples of two modalities with scales of their own."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 150)
    arrays = {"y": np.array(["cat", "dog", "eel"])[y], "sound": rng.normal(size=(150, 4)) * 5 + 30,
              "face": rng.normal(size=(150, 3))}  # fmt: skip
    arrays["sound"][:, 0] += 20 * y
    kept = {n: v[rows] for n, v in arrays.items() if n not in changed}
    np.savez(path, **kept, **{n: v for n, v in changed.items() if v is not None})
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    data = write_arrays(folder / "mine.npz")
    run_once(folder / "run", *SHORT, "dataset=arrays", f"dataset.root={data}")
    return folder / "run"


def test_test_scores_are_those_of_the_result_event(trained: Path, command: Command) -> None:
    answer = command("evaluate", str(trained), "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["test"] == of(read_events(trained), "result")[0]["test"]


def test_the_built_in_digits_are_scored_alike(tmp_path: Path, command: Command) -> None:
    run_once(tmp_path / "run", *SHORT, "fusion=calibrated", "calibrate=true")
    scores = json.loads(command("evaluate", str(tmp_path / "run"), "--json").out)
    assert scores["test"] == of(read_events(tmp_path / "run"), "result")[0]["test"]


def test_predictions_need_the_model_folder_alone(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    shutil.copytree(trained / MODEL_DIR, tmp_path / "elsewhere")
    new = write_arrays(tmp_path / "new.npz", slice(10), y=None)
    answer = command("predict", "elsewhere", str(new), "--out", "p.csv", "--embeddings", "e.npz")
    assert answer.code == 0, answer.err
    table = pd.read_csv("p.csv")
    assert list(table) == ["id", "label", "p(cat)", "p(dog)", "p(eel)",
                           "label by sound", "label by face"]  # fmt: skip
    np.testing.assert_allclose(table.filter(like="p(").sum(axis=1), 1, atol=1e-5)
    embeddings = np.load("e.npz")
    assert embeddings["sound"].shape == (10, 64)


def test_new_samples_are_standardised_as_in_training(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    """Accuracy over all samples is the mean of those over the splits, weighted by their sizes."""
    data = write_arrays(tmp_path / "all.npz")
    scores = {
        split: json.loads(command("evaluate", str(trained), f"--split={split}", "--json").out)
        for split in ("train", "validation", "test")
    }
    whole = json.loads(command("evaluate", str(trained), "--data", str(data), "--json").out)
    right = sum(s["samples"] * s[n]["fused"]["accuracy"] for n, s in scores.items())
    assert whole[str(data)]["fused"]["accuracy"] == pytest.approx(right / 150)


def test_the_mean_embedding_takes_the_place_of_a_missing_modality(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    sound = np.load(write_arrays(tmp_path / "whole.npz"))["sound"][:4]
    face = np.zeros((4, 3))
    face[2] = np.nan
    np.savez(tmp_path / "gaps.npz", sound=sound, face=face, id=np.array(list("abcd")))
    answer = command("predict", str(trained), "gaps.npz", "--out", "p.csv", "--embeddings", "e.npz")
    assert answer.code == 0, answer.err
    assert "'face' is missing in 1 of 4 samples" in answer.out
    table = pd.read_csv("p.csv", keep_default_na=False)
    assert table["id"].tolist() == list("abcd")
    assert [name == "" for name in table["label by face"]] == [False, False, True, False]
    mean = load_model(trained).means["face"]
    np.testing.assert_allclose(np.load("e.npz")["face"][2], mean)


def test_columns_are_taken_by_name_in_the_order_of_training(
    tmp_path: Path, command: Command
) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(60, 4)), columns=["a_1", "a_2", "b_1", "b_2"])
    table["y"] = ["x", "z"] * 30
    table.to_csv(tmp_path / "mine.csv", index=False)
    run_once(tmp_path / "run", *SHORT, "dataset=arrays", f"dataset.root={tmp_path / 'mine.csv'}",
             "dataset.columns={a: 'a_*', b: 'b_*'}")  # fmt: skip
    table[["b_2", "a_2", "y", "b_1", "a_1"]].to_csv("turned.csv", index=False)
    for name in ("mine", "turned"):
        answer = command("predict", "run", f"{name}.csv", "--out", f"of_{name}.csv")
        assert answer.code == 0, answer.err
    pd.testing.assert_frame_equal(pd.read_csv("of_mine.csv"), pd.read_csv("of_turned.csv"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sound": np.zeros((150, 5))}, ["'sound' has shape (150, 5)", "(150, 4)"]),
        ({"sound": None, "face": None, "eye": np.zeros(9)}, ["at least one modality", "eye"]),
        ({"face": np.full((150, 3), [0, np.nan, 0])}, ["'face' holds NaN", "row 0"]),
        ({"sound": None, "face": np.full((150, 3), np.nan)}, ["150 sample(s) have no modality"]),
        ({"y": np.array(["cow"] * 150)}, ["'cow'", "no classes of the model"]),
    ],
)
def test_data_that_does_not_fit_is_refused(
    trained: Path,
    tmp_path: Path,
    command: Command,
    changed: dict[str, np.ndarray],
    words: list[str],
) -> None:
    data = write_arrays(tmp_path / "new.npz", **changed)
    check_message(command("predict", str(trained), str(data), "--out", "p.csv"), 1, words)
    assert not Path("p.csv").exists()


def test_a_run_that_has_not_ended_is_refused(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    shutil.copy(trained / "trace.jsonl", tmp_path)
    answer = command("predict", str(tmp_path), "new.npz", "--out", "p.csv")
    check_message(answer, 1, ["model.json does not exist", "a run that has ended"])


def test_labels_are_needed_to_evaluate(trained: Path, tmp_path: Path, command: Command) -> None:
    data = write_arrays(tmp_path / "new.npz", y=None)
    answer = command("evaluate", str(trained), "--data", str(data))
    check_message(answer, 1, ["no label for 150 of 150", "fusion-sched predict"])


def test_a_foreign_class_and_a_changed_weight_are_refused(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    own = shutil.copytree(trained / MODEL_DIR, tmp_path / "own")
    description = json.loads((own / "model.json").read_text())
    description["architecture"]["fusion"]["_target_"] = "os.system"
    (own / "model.json").write_text(json.dumps(description))
    check_message(command("predict", "own", "a.npz", "--out", "p.csv"), 1, ["'os.system'"])
    weights = bytearray((own / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (own / "model.safetensors").write_bytes(weights)
    check_message(command("predict", "own", "a.npz", "--out", "p.csv"), 1, ["SHA-256", "damaged"])


def test_the_network_is_the_selected_one(trained: Path) -> None:
    best = sorted((trained / "checkpoint").glob("best-*.pt"))[-1]
    weights = torch.load(best, weights_only=True)["model"]
    loaded = load_model(trained).network.state_dict()
    assert weights.keys() == loaded.keys()
    assert all(torch.equal(weights[name], loaded[name]) for name in weights)


def sample_files(folder: Path) -> Path:
    """Write sample data of own files: `clips/CLASS/NAME`, and `pictures.csv`."""
    Files.write_sample(folder, SampleSpec(clips=40))
    return folder


SMALL_FILES = ("dataset=files", "dataset.rate=4000", "dataset.seconds=0.25", "dataset.n_fft=128",
               "dataset.hop=128", "dataset.bands=8", "dataset.size=16", "dataset.vocabulary=50",
               *SHORT[1:])  # fmt: skip


def test_folders_of_files_are_predicted_as_the_splits_were(
    tmp_path: Path, command: Command
) -> None:
    """All files, and each split from its store, have the same number of right labels."""
    root = sample_files(tmp_path / "own") / "clips"
    run_once(tmp_path / "run", *SMALL_FILES, "encoder=mlp", f"dataset.root={root}")
    whole = json.loads(command("evaluate", "run", "--data", str(root), "--json").out)[str(root)]
    scores = [
        json.loads(command("evaluate", "run", f"--split={split}", "--json").out)
        for split in ("train", "validation", "test")
    ]
    for head in whole:
        right = sum(s["samples"] * next(iter(s.values()))[head]["accuracy"] for s in scores)
        assert whole[head]["accuracy"] == pytest.approx(right / 40)
    some = sorted(root.glob("*/*.wav"))[:3]
    (tmp_path / "new").mkdir()
    for number, path in enumerate(some):
        shutil.copy(path, tmp_path / "new" / f"{number}.wav")
    answer = command("predict", "run", "new", "--out", "p.csv")
    assert "'visual' is missing in 3 of 3 samples" in answer.out, answer.err
    assert pd.read_csv("p.csv")["id"].tolist() == ["new/0", "new/1", "new/2"]


def test_a_table_of_files_needs_no_label_and_not_every_cell(
    tmp_path: Path, command: Command
) -> None:
    own = sample_files(tmp_path / "own")
    table = pd.read_csv(own / "pictures.csv")
    table["length"] = np.arange(40) % 7 + 100.0
    table.to_csv(own / "pictures.csv", index=False)
    run_once(
        tmp_path / "run", *SMALL_FILES, f"dataset.list={own / 'pictures.csv'}",
        "+dataset.modalities.length.column=length", "encoder=by_modality",
        "+encoder@encoder.picture=mlp", "+encoder@encoder.title=text",
        "+encoder@encoder.length=mlp",
    )  # fmt: skip
    whole = command("evaluate", "run", "--data", str(own / "pictures.csv"), "--json")
    scores = [
        json.loads(command("evaluate", "run", f"--split={split}", "--json").out)
        for split in ("train", "validation", "test")
    ]
    right = sum(s["samples"] * next(iter(s.values()))["fused"]["accuracy"] for s in scores)
    accuracy = next(iter(json.loads(whole.out).values()))["fused"]["accuracy"]
    assert accuracy == pytest.approx(right / 40)
    new = table.drop(columns=["label", "maker"]).assign(id=[f"s{n}" for n in range(40)])
    new.loc[3, "title"] = None
    new.to_csv(own / "new.csv", index=False)
    answer = command("predict", "run", str(own / "new.csv"), "--out", "p.csv")
    assert "'title' is missing in 1 of 40 samples" in answer.out, answer.err
    predicted = pd.read_csv("p.csv", keep_default_na=False)
    assert predicted["id"][3] == "s3"
    assert predicted["label by title"][3] == ""
    new.loc[5, "picture"] = "pictures/none.jpg"
    new.to_csv(own / "new.csv", index=False)
    answer = command("predict", "run", str(own / "new.csv"), "--out", "q.csv")
    check_message(answer, 1, ["none.jpg does not exist"])


def test_the_probe_of_the_run_diagnoses_its_model(trained: Path, command: Command) -> None:
    """On the probe's own samples in the selected epoch it says what the trace says."""
    events = read_events(trained)
    selected = of(events, "result")[0]["selected_epoch"]
    recorded = [probe for probe in of(events, "probe") if probe["epoch"] == selected][-1]
    answer = command("diagnose", str(trained), "--split=train", "--json")
    assert answer.code == 0, answer.err
    fields = json.loads(answer.out)
    assert fields["samples"] == recorded["samples"]
    assert fields["mi_bits"] == {m: e["value"] for m, e in recorded["mi_bits"].items()}
    assert "redundancy" in command("diagnose", str(trained)).out
    check_message(command("diagnose", str(trained), "--split=all"), 1, ["--split is 'all'"])


def test_weights_and_programs_are_exported(trained: Path, tmp_path: Path, command: Command) -> None:
    for form, name in (("safetensors", "model.safetensors"), ("torch", "model.pt2")):
        answer = command("export", str(trained), f"--format={form}", "--out", form)
        assert answer.code == 0, answer.err
        assert (tmp_path / form / name).is_file()
        assert (tmp_path / form / "model.json").is_file()
    network = load_model(tmp_path / "safetensors").network
    program = torch.export.load(tmp_path / "torch" / "model.pt2").module()
    sound, face = torch.randn(9, 4), torch.randn(9, 3)
    expected = network({"sound": sound, "face": face}).logits.softmax(dim=1)
    torch.testing.assert_close(program(sound, face)[0], expected)


def test_onnx_answers_as_the_network_does(trained: Path, command: Command) -> None:
    runtime = pytest.importorskip("onnxruntime")
    answer = command("export", str(trained), "--format=onnx", "--out", "o")
    assert answer.code == 0, answer.err
    session = runtime.InferenceSession("o/model.onnx")
    assert [i.name for i in session.get_inputs()] == ["sound", "face"]
    x = {"sound": torch.randn(9, 4), "face": torch.randn(9, 3)}
    expected = load_model(trained).network(x).logits.softmax(dim=1)
    given = {name: values.numpy() for name, values in x.items()}
    answered = session.run(["probabilities"], given)[0]
    torch.testing.assert_close(torch.as_tensor(answered), expected, atol=1e-5, rtol=1e-4)


class Branching(torch.nn.Module):
    """An encoder whose way depends on its input, which no export can follow."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x] * 22, dim=1)[:, :64] if x.sum() > 0 else torch.zeros(len(x), 64)


def test_an_encoder_that_cannot_be_exported_is_named(trained: Path, tmp_path: Path) -> None:
    model = load_model(trained)
    model.network.encoders["face"] = Branching()
    with pytest.raises(ValueError, match=r"exported as torch: the encoder of 'face' \(Branching\)"):
        export_program(model, tmp_path / "model.pt2")


def test_a_run_without_a_test_split_is_scored_on_validation(
    tmp_path: Path, command: Command
) -> None:
    data = write_arrays(tmp_path / "mine.npz")
    words = ("dataset=arrays", f"dataset.root={data}", "dataset.test=0", "probe=kmeans",
             "controller=joint", "hydra.run.dir=run")  # fmt: skip
    answer = command("train", *SHORT, *words)
    assert answer.code == 0, answer.err
    assert "no test split: the accuracies are those on validation" in answer.out
    (result,) = of(read_events(tmp_path / "run"), "result")
    assert not result.keys() & {"test", "best_on_test", "optimism_gap", "confusion", "quadrants"}
    check_message(command("evaluate", "run"), 1, ["has no test split; take --split validation"])
    answer = command("evaluate", "run", "--split", "validation", "--json")
    scores = json.loads(answer.out)["validation"]
    assert scores["fused"]["accuracy"] == result["validation"]["fused"]
    check_message(command("compare", "run"), 1, ["is not in the tables: it has no test split"])
    assert command("report", "run").code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The run has no test split." in page
    assert "fused validation accuracy" in page
