"""What must not matter: scale, offset, rotation, names of classes, order of modalities."""

import pytest
import torch

from fusion_sched.probe.posterior import estimate
from fusion_sched.probe.posterior.intervals import PARTS
from tests.probe.posterior.test_estimate import coded


@pytest.fixture(scope="module")
def samples():
    z1, z2 = torch.randint(4, (2, 400), generator=torch.Generator().manual_seed(2))
    y = torch.where(z1 < 2, z1, (z1 + z2) % 4)
    return {"a": coded(z1, 8, 0.8), "b": coded(z2, 6, 0.8, seed=1)}, y


@pytest.fixture(scope="module")
def reference(samples):
    return numbers(*samples)


def numbers(embeddings, y, **more):
    """Every number of every interval."""
    result = estimate(embeddings, y, **more)
    pair = result.against_rest["a"]
    return [x for name in PARTS for x in pair[name]] + list(result.lower.values())


def turned(x):
    generator = torch.Generator().manual_seed(9)
    square = torch.randn(x.shape[1], x.shape[1], generator=generator, dtype=torch.float64)
    return x @ torch.linalg.qr(square)[0]


@pytest.mark.parametrize(
    "change",
    [lambda x: x * 1e100, lambda x: x * 1e-100, lambda x: x + 1e8, turned],
    ids=["1e100", "1e-100", "offset 1e8", "rotation"],
)
def test_coordinates_do_not_matter(samples, reference, change):
    embeddings, y = samples
    moved = {m: change(x) for m, x in embeddings.items()}
    assert numbers(moved, y) == pytest.approx(reference, abs=1e-6)


def test_names_of_classes_do_not_matter(samples, reference):
    embeddings, y = samples
    assert numbers(embeddings, torch.tensor([70, -3, 12, 5])[y]) == reference


def test_order_of_modalities_does_not_matter(samples, reference):
    embeddings, y = samples
    assert numbers(dict(reversed(embeddings.items())), y) == reference


def test_exchanged_modalities_exchange_their_unique_information(samples):
    embeddings, y = samples
    one = estimate(embeddings, y, intervals=False).against_rest["a"]
    other = estimate({"a": embeddings["b"], "b": embeddings["a"]}, y, intervals=False)
    two = other.against_rest["a"]
    for name, partner in (("redundancy", "redundancy"), ("unique1", "unique2"),
                          ("synergy", "synergy")):  # fmt: skip
        assert one[name].value == pytest.approx(two[partner].value, abs=0.01)


def test_single_precision_of_small_offset(samples, reference):
    embeddings, y = samples
    single = {m: x.float() for m, x in embeddings.items()}
    assert numbers(single, y) == pytest.approx(reference, abs=0.01)
