import math

import pytest
import torch

from fusion_sched.pid.information import mutual_information
from scripts.studies.theory.information import (
    answer_table,
    corrected_information,
    information_of,
    nearest_mean,
    one_against_rest,
)

CLASSES = 8


def labels(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(CLASSES, (1, count), generator=torch.Generator().manual_seed(seed))


def scores_of(y: torch.Tensor, strength: float, noise: float, seed: int = 1) -> torch.Tensor:
    drawn = torch.randn(1, 2, y.shape[1], CLASSES, generator=torch.Generator().manual_seed(seed))
    return strength * torch.nn.functional.one_hot(y, CLASSES)[:, None] + noise * drawn


def test_the_correction_is_that_of_miller_and_madow() -> None:
    counts = torch.tensor([[30, 5, 0], [2, 40, 1]])
    cells, rows, columns = 5, 2, 3  # occupied
    correction = (rows + columns - cells - 1) / (2 * 78 * math.log(2))
    expected = mutual_information(counts / 78).item() + correction
    assert corrected_information(counts).item() == pytest.approx(expected, abs=1e-6)


def test_scores_that_name_the_class_hold_all_its_information() -> None:
    y = labels(40_000)
    found = information_of(scores_of(y, 1.0, 1e-3), y)
    entropy = math.log2(CLASSES)
    one_class = -(1 / 8) * math.log2(1 / 8) - (7 / 8) * math.log2(7 / 8)
    for estimator in ("decision", "decoded"):
        assert found.total[estimator].tolist()[0] == pytest.approx([entropy] * 2, abs=0.01)
        assert found.by_class[estimator].mean().item() == pytest.approx(one_class, abs=0.01)
    assert found.total["response"].mean().item() == pytest.approx(one_class, rel=0.1)
    assert found.total["response"].max() <= one_class + 0.02


def test_scores_without_the_class_hold_nothing() -> None:
    y = labels(20_000)
    found = information_of(scores_of(y, 0.0, 1.0), y)
    for estimator, total in found.total.items():
        assert total.abs().max() < 0.005, estimator
        assert found.by_class[estimator].abs().max() < 0.01, estimator


def test_what_the_largest_score_does_not_tell_is_decoded() -> None:
    """One score tells all classes: by its level, not by being the largest."""
    y = labels(20_000)
    scores = torch.zeros(1, 2, y.shape[1], CLASSES)
    scores[..., 0] = 1 + y[:, None]
    found = information_of(scores, y)
    assert found.total["decision"].abs().max() < 1e-6
    assert found.total["decoded"].min() > 2.9


def test_more_signal_more_information() -> None:
    y = labels(20_000)
    levels = [information_of(scores_of(y, s, 1.0), y).total for s in (0.5, 1.0, 2.0, 4.0)]
    for estimator in ("response", "decision", "decoded"):
        bits = [level[estimator].mean().item() for level in levels]
        assert bits == sorted(bits)


def test_tables_count_every_sample() -> None:
    y = labels(1000)
    answer = labels(1000, seed=5)[:, None].expand(1, 2, 1000)
    table = answer_table(answer, y, CLASSES)
    assert table[0, 0, 3, 2] == ((answer[0, 0] == 3) & (y[0] == 2)).sum()
    rest = one_against_rest(table)[0, 0, 3]
    hit = ((answer[0, 0] == 3) & (y[0] == 3)).sum()
    assert rest[0, 0] == hit
    assert rest[0].sum() == (answer[0, 0] == 3).sum()
    assert rest[:, 0].sum() == (y[0] == 3).sum()
    assert rest.sum() == 1000


def test_nearest_mean_does_not_care_for_scale() -> None:
    y = labels(4000)
    scores = scores_of(y, 1.0, 0.5)
    scaled = scores * torch.tensor([1e-6, 1.0, 1e6, 1.0, 1.0, 1.0, 1.0, 1.0])
    plain = nearest_mean(scores[:, :, :2000], y[:, :2000], scores[:, :, 2000:])
    assert torch.equal(plain, nearest_mean(scaled[:, :, :2000], y[:, :2000], scaled[:, :, 2000:]))
