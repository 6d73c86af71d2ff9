from typing import Any

import pytest

from scripts.studies.theory.winner import Case, WinnerStudy
from tests.scripts.theory.conftest import CPU
from tests.scripts.theory.tiny import SETTING, TINY

STUDY = WinnerStudy((Case("by hand", SETTING, steps=1, seeds=1),))


def test_ecs_at_the_start_tells_the_winner(result: dict[str, Any]) -> None:
    contested = result["summary"]["winner"]["pooled"]["contested"]
    assert contested["clear_count"] > 40
    assert contested["clear"]["value"] > 0.9


def test_the_order_of_escapes_is_that_of_the_strengths(result: dict[str, Any]) -> None:
    for case in result["summary"]["winner"]["cases"].values():
        assert case["escape_order"]["value"] > 0.8


def by_hand() -> dict[str, Any]:
    """Eight classes: ratio at the start, who won, whether contested, when decided, at the end."""
    row = {
        # classes:  0    1    2    3    4    5     6    7
        "ecs_start": [[1.5, 1.1, 3.0, 1.0, 1.0, 1.02, 1.0, 2.0], [1.0] * 6 + [0.0, 1.0]],
        "decided_step": [5, 6, 7, 8, 9, 10, 11, -1],
        "strength_decided": [[1, 0, 1, 1, 0, 1, 1, 0], [0, 1, 0.9, 0, 1, 0, 0, 0]],
        "strength_end": [[1, 0, 1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0.9, 0, 0, 0]],
    }
    return {"seeds": [row]}


def test_views_and_bins_by_hand() -> None:
    found = STUDY.findings({"by hand": by_hand()})
    contested = found.pooled["contested"]
    # Contested: 0 (1.5, right), 1 (1.1, wrong), 3 (1, right), 4 (1, wrong), 5 (1.02, right) and
    # 6 (infinite, right).
    assert contested.counts == (3, 1, 0, 1, 1)
    assert [b.value for b in contested.bins] == [pytest.approx(2 / 3), 0, None, 1, 1]
    assert contested.clear_count == 2
    assert contested.clear.value == 1
    assert sum(found.pooled["decided"].counts) == 7  # class 7 was never decided
    assert sum(found.pooled["all at the end"].counts) == 8
    # At the end one modality is learned in 0, 1, 5, 6 and 7.
    assert sum(found.pooled["contested at the end"].counts) == 5
    case = found.cases["by hand"]
    assert case.decided == 7 / 8
    assert case.contested == 6 / 8
    assert case.caught_up.value == pytest.approx(2 / 6)  # 3 and 4


def test_a_part_is_the_same_every_time() -> None:
    assert TINY.winner.part("equal", CPU) == TINY.winner.part("equal", CPU)


def test_a_case_without_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="steps=5, seeds=0; expected 1 or more of each"):
        Case("none", SETTING, steps=5, seeds=0)
