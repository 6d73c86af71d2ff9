import pytest

from fusion_sched.estimation import SAMPLES_PER_CELL, clusters_for, scarcity_warning


@pytest.mark.parametrize(
    ("samples", "classes", "expected"),
    [
        (1280, 6, 8),
        (6698, 6, 19),
        (500, 6, 5),
        (6698, 28, 8),
        (100, 101, 2),
        (10**6, 2, 20),
        (2, 1, 2),
    ],
)
def test_about_three_samples_per_cell(samples: int, classes: int, expected: int) -> None:
    clusters = clusters_for(samples, classes)
    assert clusters == expected
    if 2 < clusters < 20:
        assert samples / clusters**2 / classes >= SAMPLES_PER_CELL
        assert samples / (clusters + 1) ** 2 / classes < SAMPLES_PER_CELL


def test_never_more_than_wanted() -> None:
    assert clusters_for(10**6, 2, most=12) == 12


@pytest.mark.parametrize(("samples", "classes", "most"), [(1, 6, 20), (100, 0, 20), (100, 6, 1)])
def test_bad_numbers(samples: int, classes: int, most: int) -> None:
    with pytest.raises(ValueError, match="expected at least 2 samples, 1 class and 2 clusters"):
        clusters_for(samples, classes, most)


def test_the_warning_holds_the_numbers() -> None:
    assert scarcity_warning(1280, 8, 8, 6) is None
    message = scarcity_warning(1280, 20, 20, 6)
    assert message is not None
    assert "1280 samples in 20 x 20 clusters x 6 classes leave 0.53 samples per cell" in message
    assert "use 8 clusters per source, or 7,200 samples" in message
