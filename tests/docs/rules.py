"""How each command of the documentation is held to its word.

The first rule whose pattern fits a whole command follows it. Nothing here compares what a command
prints, and nothing is imitated: what cannot run in a test is read as far as it goes, and ``where``
names the test that runs the real thing.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from tests.config.test_experiments import SMALL
from tests.docs.follow import (
    as_it_is,
    composes,
    exists,
    fetches,
    has_module,
    has_target,
    has_test,
    installs,
    launches,
    names_command,
    names_module,
    parses,
    runs_code,
    runs_file,
    runs_tests,
    samples,
    shows_help,
    trains,
)
from tests.docs.world import Reader

ON_FILES = "|".join(name for name in SMALL if name != "cremad_smoke")
NAMES = "replay|compare|report|pid|predict|evaluate|diagnose|export|completion|schema"
OPTIONS = (
    r"early_stopping|gradient_clip_norm|accumulate_batches|warmup_epochs|ema_decay|class_weights|"
    r"label_smoothing|mixup_alpha|modality_dropout|modality_optimizers|precision=fp16|debug=|ExponentialLR"
)
IN_PATH = r"(?:PYTHONPATH=\. )?"


@dataclass(frozen=True)
class Rule:
    """``pattern`` fits a whole command; ``where`` is the file that runs what this does not."""

    name: str
    pattern: str
    follow: Callable[[Reader, list[str]], None]
    where: str = ""


RULES = (
    Rule("the name of a command", rf"fusion-sched (?:{NAMES}|data(?: \w+)?)", names_command),
    Rule("a download", r"fusion-sched data fetch .*", fetches, "tests/data/clips/test_fetch.py"),
    Rule("an imitation", r"fusion-sched data sample .*", samples),
    Rule("an experiment on files", rf"fusion-sched train .*\+experiment=(?:{ON_FILES})\b.*",
         composes, "tests/config/test_experiments.py"),
    Rule("an experiment on a list",
         r"fusion-sched train .*\+experiment=(?:ravdess|openclipart)\b.*",
         composes, "tests/scripts/test_lists.py"),
    Rule("data that are not here",
         r"fusion-sched (?:data \w+ cremad --root data/cremad|compare outputs/cremad .*)", parses,
         "tests/commands/test_data.py"),
    Rule("a list", r"python -m scripts\.lists\.(?:ravdess|openclipart) .*", names_module,
         "tests/scripts/test_lists.py"),
    Rule("a search", r"fusion-sched train -m .*(?:\+search=|hydra/sweeper=optuna).*", composes,
         "tests/commands/test_search.py"),
    Rule("what training prints of itself",
         r"fusion-sched train (?:.*--cfg job|.*--help(?: [\w=]+)?)", as_it_is),
    Rule("a run that goes on", r"fusion-sched train resume=.*", as_it_is,
         "tests/training/test_resume.py"),
    Rule("an option of training", rf"fusion-sched train .*(?:{OPTIONS})\b.*", composes,
         "tests/training/test_option_runs.py"),
    Rule("a training", rf"{IN_PATH}fusion-sched train.*", trains),
    Rule("a file for a package that may be absent", r"fusion-sched export .*--format onnx", parses,
         "tests/commands/test_predict.py"),
    Rule("a look at what there is", rf"{IN_PATH}fusion-sched (?:{NAMES}|data \w+) .*", as_it_is),
    Rule("several processes", r"torchrun .*", launches, "tests/runtime/test_distributed.py"),
    Rule("a target of make", r"(?:[A-Z]+=\S+ )*make .*", has_target),
    Rule("a benchmark or a study", r"python -m (?:benchmarks|scripts\.studies)\.\w+.*", shows_help),
    Rule("digests of reference runs", r"python -m scripts\.reference_runs .*", has_module),
    Rule("a test of the page", r"python -m pytest .*", runs_tests),
    Rule("a program of the page", r"python \w+\.py", runs_file),
    Rule("a program in a line", r"python -c .*", runs_code),
    Rule("a script that a test runs", r"python (?:scripts|examples)/\w+\.py", has_test),
    Rule("a cluster of one node", r"scripts/(?:slurm|ray)_one_node\.sh", exists,
         "scripts/four_runs.py"),
    Rule("what continuous integration runs", r"\.ci/run", exists, ".ci/run"),
    Rule("an installation", r"pip install .*", installs),
    Rule("the program itself", r"\.venv/bin/fusion-sched", exists, "pyproject.toml"),
)  # fmt: skip


def rule_for(command: str) -> Rule:
    """Return the first rule that fits; say what to do where there is none."""
    for rule in RULES:
        if re.fullmatch(rule.pattern, command, flags=re.S):
            return rule
    raise LookupError(
        f"no rule says how to test `{command}`: write it so that one fits, or add a rule to "
        "tests/docs/rules.py that runs it or names the test that does"
    )


def words_of(command: str) -> list[str]:
    """Return the words of a command as a shell would pass them."""
    return shlex.split(command)
