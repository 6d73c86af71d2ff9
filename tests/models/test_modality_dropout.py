"""Modality dropout: how often a modality is hidden, how the rest is scaled, and when."""

import pytest
import torch

from fusion_sched.models.fusion import Average, Concat
from fusion_sched.models.modality_dropout import check_modality_dropout, drop_modalities
from tests.balancers.tiny import network, some_batch


@pytest.mark.parametrize(("modalities", "share"), [(2, 0.3), (3, 0.5)])
def test_share_and_scale(modalities: int, share: float) -> None:
    torch.manual_seed(0)
    samples = 20_000
    dropped = drop_modalities({f"m{i}": torch.ones(samples, 2) for i in range(modalities)}, share)
    kept = torch.stack([values[:, 0] > 0 for values in dropped.values()])
    probability = 1 - share + share**modalities  # a sample that would lose all keeps all
    assert kept.any(dim=0).all()
    for row, values in zip(kept, dropped.values(), strict=True):
        assert float(row.double().mean()) == pytest.approx(probability, abs=0.015)
        assert values[row].unique().tolist() == pytest.approx([1 / probability])
        assert float(values.mean()) == pytest.approx(1, abs=0.03)


def test_of_those_that_are_fused_one_stays() -> None:
    embeddings = {m: torch.ones(200, 2) for m in "abc"}
    alone = drop_modalities(embeddings, 0.5, torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(alone["b"], embeddings["b"])
    pair = drop_modalities(embeddings, 0.5, torch.tensor([1.0, 1.0, 0.0]))
    assert (pair["a"] + pair["b"]).all()
    assert not pair["a"].all()


def test_only_the_fusion_module_in_training_sees_it() -> None:
    model, batch = network(), some_batch()
    plain = model.eval()(batch.inputs)
    model.modality_dropout = 0.5
    in_evaluation = model(batch.inputs)
    assert torch.equal(in_evaluation.logits, plain.logits)
    model.train_only(model.modalities, joint=True)
    in_training = model(batch.inputs)
    assert not torch.equal(in_training.logits, plain.logits)
    for m in model.modalities:
        assert torch.equal(in_training.unimodal[m], plain.unimodal[m])
        assert torch.equal(in_training.embeddings[m], plain.embeddings[m])


def test_where_it_does_nothing_it_is_refused() -> None:
    sizes = {"a": 2, "b": 2}
    with pytest.raises(ValueError, match="a single modality"):
        check_modality_dropout(0.2, 1, Concat({"a": 2}, 3))
    with pytest.raises(ValueError, match="Average has no parameter; use fusion=concat"):
        check_modality_dropout(0.2, 2, Average(sizes, 3))
    with pytest.raises(ValueError, match=r"modality_dropout is 1\.0, expected"):
        check_modality_dropout(1.0, 2, Concat(sizes, 3))
