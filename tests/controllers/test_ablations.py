"""mi, pid_paper and random."""

import numpy as np
import pytest

from fusion_sched.controllers.mi import MutualInformation
from fusion_sched.controllers.pid_paper import PaperPID
from fusion_sched.controllers.random import Random
from tests.controllers import seen
from tests.controllers.test_pid import active, play


def test_mi_pauses_by_information_and_waits_for_the_plateau() -> None:
    diagnoses = [seen((1.0, 0.5), joint=1.0), seen((1.0, 0.9), joint=1.5),
                 seen((1.0, 1.1), joint=1.8), seen((1.0, 1.1), joint=1.8),
                 seen((1.0, 1.1), joint=1.81)]  # fmt: skip
    decisions = play(MutualInformation(min_epochs=0), diagnoses)
    assert active(decisions) == ["b", "b", "ab", "ab", "joint"]
    assert not decisions[-1].restore
    assert "1.800" in decisions[-1].reason
    assert "joint" not in active(play(MutualInformation(min_epochs=9), diagnoses))


def test_mi_does_not_act_on_noise() -> None:
    assert active(play(MutualInformation(), [seen((1.0, 0.5), error=0.4)])) == ["ab"]


def test_paper_restores_the_peak_at_the_first_clear_drop() -> None:
    diagnoses = [seen(synergy=9.0), seen(synergy=0.3), seen(synergy=0.4), seen(synergy=0.3)]
    decisions = play(PaperPID(), diagnoses)
    assert [d.keep for d in decisions] == [False, True, True, False]
    assert active(decisions)[-1] == "joint"
    assert decisions[-1].restore
    assert "after epoch 2" in decisions[-1].reason
    vague = [seen(synergy=s, error=0.2) for s in (9.0, 0.3, 0.4, 0.3)]
    assert "joint" not in active(play(PaperPID(), vague))


def test_paper_pauses_only_while_the_ratio_lasts() -> None:
    diagnoses = [seen(), seen((0.8, 0.2)), seen((0.8, 0.5)), seen((0.1, 0.5))]
    assert active(play(PaperPID(), diagnoses)) == ["ab", "b", "ab", "a"]


def test_random_follows_a_schedule_of_its_seed() -> None:
    lengths = set()
    for seed in range(30):
        first, again = (play(Random(seed=seed, latest=6), [seen()] * 20) for _ in range(2))
        assert first == again
        stages = active(first)
        assert stages[-1] == "joint"
        assert len(stages) <= 7
        assert len(set(stages)) <= 3
        lengths.add(len(stages))
    assert len(lengths) > 3
    assert play(Random(seed=1), [seen((0.9,), None, names="a")] * 20, "a")[-1].stage.joint


@pytest.mark.parametrize(
    "make",
    [lambda: MutualInformation(threshold=1), lambda: PaperPID(drop=0), lambda: Random(latest=0)],
)
def test_impossible_knobs_are_named(make: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()  # type: ignore[operator]


def test_random_pauses_somebody_now_and_then() -> None:
    paused = [
        {"".join(d.stage.active) for d in play(Random(seed=s, latest=12), [seen()] * 20)}
        for s in range(20)
    ]
    assert np.mean([bool(stages & {"a", "b"}) for stages in paused]) > 0.3
