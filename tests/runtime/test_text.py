"""Signs of numbers, and outputs that lack a character."""

from io import BytesIO, TextIOWrapper

import pytest

from fusion_sched.runtime.text import SPELL, signed, with_minus_signs


@pytest.mark.parametrize(
    ("value", "text"), [(1.25, "+1.2"), (-1.26, "−1.3"), (-0.04, "+0.0"), (0.0, "+0.0")]
)
def test_a_sign_is_a_true_minus_and_zero_has_a_plus(value: float, text: str) -> None:
    assert signed(value) == text


def test_hyphens_that_are_no_signs_stay() -> None:
    text = "gains -0.001 [-0.002, 0.000] bit of run-2 on 2026-11-24"
    assert with_minus_signs(text) == "gains −0.001 [−0.002, 0.000] bit of run-2 on 2026-11-24"


def test_a_stream_spells_out_what_its_encoding_lacks() -> None:
    content = BytesIO()
    with TextIOWrapper(content, encoding="ascii", errors=SPELL) as stream:
        stream.write("−0.4 ± 0.2 … ─ é")
        stream.flush()
        assert content.getvalue() == rb"-0.4 +- 0.2 ... - \xe9"
