"""Planted truths, exact sums, floors, refusals, one and three modalities."""

import math

import pytest
import torch

from fusion_sched.probe.posterior import change, estimate
from fusion_sched.probe.posterior.classifiers import mixture
from fusion_sched.probe.posterior.folds import make_folds
from fusion_sched.probe.posterior.inputs import checked_labels
from fusion_sched.probe.posterior.nulls import shuffled_labels

ATOMS = ("redundancy", "unique1", "unique2", "synergy")


def coded(symbols, dims=12, noise=0.3, seed=0):
    """Each symbol as a random code plus noise."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(int(symbols.max()) + 1, dims, generator=generator, dtype=torch.float64)
    shift = torch.randn(len(symbols), dims, generator=generator, dtype=torch.float64)
    return codes[symbols] + noise * shift


def bits(count, sources, seed=0):
    return torch.randint(2, (sources, count), generator=torch.Generator().manual_seed(seed))


def atoms(result, name="a"):
    return [result.against_rest[name][atom].value for atom in ATOMS]


@pytest.fixture(scope="module")
def mixed():
    """Two sources of a three-class label, with everything between them."""
    z1, z2, z3 = torch.randint(3, (3, 600), generator=torch.Generator().manual_seed(1))
    y = torch.where(z3 == 0, z1, (z1 + z2) % 3)
    return {"a": coded(z1), "b": coded(z2, seed=1)}, y


@pytest.fixture(scope="module")
def mixed_result(mixed):
    return estimate(*mixed)


@pytest.mark.parametrize(
    ("function", "truth"),
    [
        (lambda a, b: 2 * a + b, (0.0, 1.0, 1.0, 0.0)),
        (lambda a, b: a ^ b, (0.0, 0.0, 0.0, 1.0)),
        (lambda a, b: a & b, (0.311, 0.0, 0.0, 0.5)),
        (lambda a, b: a, (0.0, 1.0, 0.0, 0.0)),
    ],
    ids=["copy", "xor", "and", "unique"],
)
def test_gates_on_codes(function, truth):
    a, b = bits(600, 2)
    result = estimate({"a": coded(a), "b": coded(b, seed=1)}, function(a, b))
    assert atoms(result) == pytest.approx(truth, abs=0.06)
    for atom, value in zip(ATOMS, truth, strict=True):
        measure = result.against_rest["a"][atom]
        assert measure.low <= value + 0.01
        assert measure.high >= value - 0.01
    assert result.against_rest["a"]["joint_mi"].p < 0.05


def test_class_in_the_length_of_the_embedding():
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (600,), generator=generator)
    direction = torch.nn.functional.normalize(torch.randn(600, 8, generator=generator), dim=1)
    noise = torch.randn(600, 8, generator=generator)
    result = estimate({"a": direction * (1 + y)[:, None], "b": noise}, y, intervals=False)
    assert atoms(result) == pytest.approx((0.0, math.log2(3), 0.0, 0.0), abs=0.06)


def test_nuisance_stronger_than_the_signal():
    generator = torch.Generator().manual_seed(0)
    y, speaker = torch.randint(4, (2, 800), generator=generator)
    x = coded(y, 16) + 3 * coded(speaker, 16, seed=2)
    result = estimate({"a": x, "b": coded(y, 16, seed=1)}, y, intervals=False)
    assert atoms(result) == pytest.approx((2.0, 0.0, 0.0, 0.0), abs=0.06)


def test_nothing_from_noise():
    p_values = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        a, b = torch.randn(2, 400, 20, generator=generator)
        y = torch.randint(6, (400,), generator=generator)
        result = estimate({"a": a, "b": b}, y)
        assert max(atoms(result)) < 0.05
        assert all(result.against_rest["a"][atom].low == 0 for atom in ATOMS)
        p_values.append(result.joint_mi.p)
    assert sorted(p_values)[1] > 0.05


def test_a_copy_adds_nothing(mixed):
    embeddings, y = mixed
    turn = torch.linalg.qr(coded(torch.arange(12)))[0]
    result = estimate({"a": embeddings["a"], "b": 7 * embeddings["a"] @ turn + 2}, y)
    _, *rest = atoms(result)
    assert rest == pytest.approx((0.0, 0.0, 0.0), abs=0.02)


def test_exchangeable_sources_have_nothing_of_their_own():
    y = torch.randint(6, (900,), generator=torch.Generator().manual_seed(0))
    views = {"a": 0, "b": 1}
    codes = coded(torch.arange(6), 16, 0.0)
    x = {
        m: codes[y] + 2 * torch.randn(900, 16, generator=torch.Generator().manual_seed(s + 7))
        for m, s in views.items()
    }
    pair = estimate(x, y).against_rest["a"]
    assert pair["redundancy"].value > 0.5
    assert pair["unique1"].low == pair["unique2"].low == 0
    assert min(pair["unique1"].value, pair["unique2"].value) < 0.08


def test_sums_hold_and_estimates_lie_in_their_intervals(mixed_result):
    pair = mixed_result.against_rest["a"]
    r, u1, u2, s = (pair[atom].value for atom in ATOMS)
    assert min(r, u1, u2, s) >= 0
    assert r + u1 == pytest.approx(pair["mi1"].value, abs=1e-9)
    assert r + u2 == pytest.approx(pair["mi2"].value, abs=1e-9)
    assert r + u1 + u2 + s == pytest.approx(pair["joint_mi"].value, abs=1e-9)
    for name, measure in pair.measures.items():
        assert measure.low <= measure.value <= measure.high, name


def test_lower_bounds_are_below_the_values(mixed_result):
    for name, bound in mixed_result.lower.items():
        value = mixed_result.joint_mi if name == "all" else mixed_result.mi[name]
        assert bound <= value.value + 1e-5


def test_the_second_modality_sees_the_pair_the_other_way_round(mixed_result):
    one, two = mixed_result.against_rest["a"], mixed_result.against_rest["b"]
    assert one["unique1"] == two["unique2"]
    assert one["unique_difference"].value == -two["unique_difference"].value


def test_point_estimates_are_those_with_intervals(mixed, mixed_result):
    plain = estimate(*mixed, intervals=False)
    assert atoms(plain) == pytest.approx(atoms(mixed_result), abs=1e-12)
    assert plain.joint_mi.null is None


def test_a_state_fits_fewer_candidates_to_like_values(mixed, mixed_result):
    again = estimate(*mixed, state=mixed_result.state)
    assert atoms(again) == pytest.approx(atoms(mixed_result), abs=0.1)
    assert again.state.age == 1
    fresh = mixed_result.models.keys()
    assert again.state.kept.keys() == mixed_result.state.kept.keys() == fresh


def test_change_on_the_same_samples(mixed, mixed_result):
    same = change(mixed_result.against_rest["a"], mixed_result.against_rest["a"], "synergy")
    assert same.value == 0
    embeddings, y = mixed
    lost = estimate({"a": embeddings["a"], "b": coded(torch.zeros(600, dtype=int))}, y)
    step = change(mixed_result.against_rest["a"], lost.against_rest["a"], "synergy")
    assert step.high < 0


def test_one_modality():
    y = bits(300, 1)[0]
    result = estimate({"only": coded(y)}, y)
    assert result.mi["only"].value == pytest.approx(result.label_entropy, abs=0.03)
    assert result.against_rest == {}
    assert result.joint_mi == result.mi["only"]


def test_three_modalities():
    a, b, c = bits(500, 3)
    embeddings = {
        m: coded(z, seed=k) for k, (m, z) in enumerate(zip("abc", (a, b, c), strict=True))
    }
    result = estimate(embeddings, a ^ b, intervals=False)
    assert result.against_rest["c"]["unique2"].value == pytest.approx(1, abs=0.06)
    assert result.against_rest["a"]["synergy"].value == pytest.approx(1, abs=0.06)
    assert result.pairs["a/b"]["synergy"].value == pytest.approx(1, abs=0.06)
    assert result.pairs["a/c"]["joint_mi"].value == pytest.approx(0, abs=0.04)


def test_groups_are_scored_by_models_without_them():
    """Each speaker has one label and one voice: nothing generalises to another speaker."""
    generator = torch.Generator().manual_seed(0)
    label_of = torch.randint(2, (20,), generator=generator)
    speaker = torch.randint(20, (600,), generator=generator)
    x, y = coded(speaker, 24, 0.2), label_of[speaker]
    assert estimate({"a": x}, y, intervals=False).lower["a"] > 0.9
    assert estimate({"a": x}, y, groups=speaker, intervals=False).lower["a"] < 0.3


def test_shuffles_keep_groups_of_one_label_together():
    generator = torch.Generator().manual_seed(0)
    speaker = torch.arange(24).repeat_interleave(10)
    order = torch.randperm(240, generator=generator)
    labels = checked_labels((speaker % 3)[order], torch.arange(240))
    groups = speaker[order]
    folds = make_folds(labels.y, groups, torch.arange(240))
    drawn = shuffled_labels(labels, folds, groups, generator)
    for row in drawn:
        assert all(len(torch.unique(row[groups == g])) == 1 for g in range(24))
    assert torch.equal(drawn[0], labels.y)
    assert not torch.equal(drawn[1], drawn[2])
    for fold in range(6):  # each fold keeps its labels
        within = folds.of_sample == fold
        assert all(torch.equal(row[within].sort()[0], labels.y[within].sort()[0]) for row in drawn)


def test_voices_of_speakers_with_one_label_are_no_information():
    """By samples, the label of a speaker's voice looks certain; by speakers, it is not."""
    generator = torch.Generator().manual_seed(1)
    speaker = torch.arange(30).repeat_interleave(12)
    x, y = coded(speaker, 24, 0.2), torch.randint(2, (30,), generator=generator)[speaker]
    assert estimate({"a": x}, y).joint_mi.p == pytest.approx(1 / 200)
    assert estimate({"a": x}, y, groups=speaker).joint_mi.p > 0.05


def test_weights_of_a_fold_do_not_see_its_labels():
    """A candidate that is right in one fold alone has no weight there."""
    y = torch.arange(120) % 2
    labels = checked_labels(y, torch.arange(120))
    folds = make_folds(labels.y, None, torch.arange(120))
    first = (folds.of_sample == 0)[:, None]
    flat = torch.full((2, 120, 2), 0.5, dtype=torch.float64)
    certain = 0.98 * labels.one_hot + 0.01
    opposite = 0.98 * (1 - labels.one_hot) + 0.01
    lucky = torch.where(first, certain, opposite).expand(2, -1, -1)
    mixed, _ = mixture([lucky, flat], labels.y, folds)
    assert mixed[0][first[:, 0]] == pytest.approx(0.5, abs=0.01)


def test_few_samples_say_so():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 12, 5, generator=generator)
    result = estimate({"a": x[0], "b": x[1]}, torch.arange(12) % 4)
    assert any("too few" in warning for warning in result.warnings)
    pair = result.against_rest["a"]
    assert pair["synergy"].low == 0
    assert pair["synergy"].high == pytest.approx(2.0)


def test_one_class_has_no_information():
    result = estimate({"a": torch.randn(60, 3), "b": torch.randn(60, 3)}, torch.ones(60).long())
    assert atoms(result) == pytest.approx([0.0] * 4, abs=1e-9)


def test_constant_embeddings_have_no_information(mixed):
    embeddings, y = mixed
    result = estimate({"a": torch.full((600, 4), 3.0), "b": embeddings["b"]}, y, intervals=False)
    assert result.mi["a"].value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"a": torch.full((20, 3), math.nan)}, "embeddings of 'a' hold NaN or infinity in 20 row"),
        ({"a": torch.randn(19, 3)}, r"embeddings of 'a' have shape \(19, 3\)"),
        ({"a": torch.ones(20, 3).long()}, "expected floating-point"),
        ({"a": 1e6 + torch.randn(20, 3)}, "embeddings of 'a' vary by"),
        ({}, "got no embeddings"),
        ({"a+b": torch.randn(20, 3)}, "expected names without"),
    ],
)
def test_refusals_name_the_array(broken, message):
    with pytest.raises(ValueError, match=message):
        estimate(broken, torch.arange(20) % 2)


def test_refused_labels():
    x = {"a": torch.randn(20, 3)}
    with pytest.raises(ValueError, match="y has shape"):
        estimate(x, torch.zeros(20))
    with pytest.raises(ValueError, match="groups has shape"):
        estimate(x, torch.zeros(20).long(), groups=torch.zeros(3).long())
    with pytest.raises(ValueError, match="groups holds 2 different ids"):
        estimate(x, torch.zeros(20).long(), groups=torch.arange(20) % 2)
    with pytest.raises(ValueError, match="got 5 samples"):
        estimate({"a": torch.randn(5, 3)}, torch.zeros(5).long())
