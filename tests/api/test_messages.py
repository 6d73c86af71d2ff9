"""What Python says of few samples, misspelt names, missing modalities, and of its objects."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

import fusion_sched
from fusion_sched import FusionClassifier
from fusion_sched.types import Estimate
from tests.api.test_classifier import moods, quick
from tests.conftest import Answer


@pytest.fixture(scope="module")
def fitted() -> FusionClassifier:
    return quick(stage2_epochs=1).fit(*moods())


def test_a_fit_to_few_samples_warns_once_in_the_words_of_the_command() -> None:
    classifier = FusionClassifier(
        stage1_epochs=1, stage2_epochs=1, overrides=("encoder=mlp", "encoder.widths=[16]")
    )
    with pytest.warns(UserWarning, match="too few") as shown:
        classifier.fit(*moods(40))
    (warning,) = shown
    assert warning.filename == __file__
    for words in ("caution: 32 samples of 3 classes are too few to say anything",
                  "note: validation has 8 samples, fewer than 12"):  # fmt: skip
        assert str(warning.message).count(words) == 1


def test_a_misspelt_choice_or_key_is_named_as_the_command_does(
    command: Callable[..., Answer],
) -> None:
    for wrong in ("controller=jont", "stage1.epoch=3"):
        said = command("train", wrong).err.partition("error: ")[2]
        assert "Did you mean" in said
        for call in (
            lambda: fusion_sched.train([wrong]),  # noqa: B023
            lambda: quick((wrong,)).fit(*moods(40)),  # noqa: B023
        ):
            with pytest.raises(ValueError, match="Did you mean") as error:
                call()
            assert str(error.value).split() == said.split()


def test_a_name_near_to_a_missing_modality_is_refused(fitted: FusionClassifier) -> None:
    X, _ = moods()
    for wrong in ("faces", "Face"):
        with pytest.raises(ValueError, match=rf"got '{wrong}', .*did you mean 'face'\?"):
            fitted.predict({"voice": X["voice"], wrong: X["face"]})


def test_every_prediction_says_what_is_missing_or_not_used(fitted: FusionClassifier) -> None:
    X = moods()[0]["voice"]
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            fitted.predict({"voice": X, "hands": X})
    texts = [str(warning.message) for warning in shown]
    assert sum("'face' is missing" in text for text in texts) == 2
    assert sum("hands, which the model does not use" in text for text in texts) == 2
    assert {warning.filename for warning in shown} == {__file__}


def test_a_model_and_an_estimate_print_in_a_line(fitted: FusionClassifier) -> None:
    text = repr(fitted.model_)
    assert "voice (4,), face (3,)" in text
    assert "a, b, c" in text
    assert len(text) < 300
    assert str(Estimate(1 / 12, 0.0, 0.6400000001)) == "0.08 [0.00, 0.64]"
    assert f"{Estimate(np.float64(1 / 3))}" == "0.33"
