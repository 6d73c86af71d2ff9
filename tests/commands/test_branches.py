"""`fusion-sched replay RUN --branches` trains what a run did not choose, and judges its choice."""

from collections.abc import Callable

from tests.processes import Answer
from tests.training.test_hand_over import ENSEMBLE

Command = Callable[..., Answer]


def test_the_branches_of_a_run_are_trained_and_judged(command: Command) -> None:
    trained = command("train", *ENSEMBLE, "hydra.run.dir=run")
    assert trained.code == 0, trained.err
    assert "the same decisions as in the run itself" in command("replay", "run").out
    other = command("replay", "run", "controller.near_zero=0").out
    assert "differs from the run after epoch" in other
    judged = command("replay", "run", "--branches")
    assert judged.code == 0, judged.err
    for branch in ("x1 alone", "x2 alone", "ensemble of x1, x2", "joint training of x1, x2"):
        assert branch in judged.out
    assert "the choice was " in judged.out
    again = command("replay", "run", "--branches")
    assert again.code == 1
    assert "delete it" in again.err
    wrong = command("replay", "run", "--branches", "controller.near_zero=0")
    assert wrong.code == 1
    assert "the run's own configuration" in wrong.err
