"""What the rules do with a command: run it, or read it as far as it can be read."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from torch.distributed.run import get_args_parser

from fusion_sched.commands.cli import app
from fusion_sched.commands.data import open_dataset
from fusion_sched.config.build import build_controller, build_dataset, check_values
from fusion_sched.config.schema import config_dir
from tests.config.test_experiments import SMALL
from tests.docs.documents import ROOT
from tests.docs.world import SHORT, Reader, dataset_of

GAP = "…"
"""Stands for whatever the reader has."""

CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
ELSEWHERE = {
    "test-fast": "a part of `make test`",
    "help": "lists the targets",
    "docs": "tests/docs/test_site.py builds the same site",
    "demo": "two trainings in full; the pages' trainings are the same, shortened",
    "compare": "hours; tests/analysis has its parts",
    "benchmark": "minutes; the rule for benchmarks reads each",
    "reproduce-paper": "minutes to hours",
}
"""Target of make → why continuous integration does not run it."""


def as_it_is(reader: Reader, words: list[str]) -> None:
    """Run it, with real names in the place of RUN, FOLDER and the like."""
    words = in_path(reader, words)
    reader.fusion_sched(*real(reader, words[1:]))


def trains(reader: Reader, words: list[str]) -> None:
    """Train for two epochs; of a sweep every choice is composed and two runs are trained.

    What has been trained in this folder is not trained again for being said in other words.
    """
    words = real(reader, in_path(reader, words)[2:])
    if "-m" in words:
        composes_all(words)
        words = fewer(words)
    trained = (reader.world.folder, *words)
    if trained in reader.world.trained:
        return
    if "sweep.resume=true" not in words:
        for word in words:
            if word.startswith(("hydra.run.dir=", "hydra.sweep.dir=")):
                reader.world.clear(word.partition("=")[2])
    reader.fusion_sched("train", *words, *shortening(words))
    reader.world.trained.add(trained)


def shortening(words: list[str]) -> list[str]:
    """Return what makes a training short without making it another one."""
    extra = [*SHORT]
    if not any(word.startswith("tracker=") for word in words):
        extra.append("tracker=none")
    if "+experiment=cremad_smoke" in words:
        extra += SMALL["cremad"][1]
    if "solver=fastpid_published" in words:
        extra += ["solver.max_iterations=20", "probe.resamples=2", "probe.shuffles=1"]
    return extra


def composes(reader: Reader, words: list[str]) -> None:
    """Compose every configuration it stands for, and hold its values against the classes."""
    composes_all(words[2:])


def samples(reader: Reader, words: list[str]) -> None:
    """Take a small imitation, which the same command has made, and read the page's options."""
    parses(reader, words)
    out = words[words.index("--out") + 1]
    reader.world.clear(out)
    shutil.copytree(reader.data(words[3]), out)


def names_command(reader: Reader, words: list[str]) -> None:
    """Only look whether there is such a command."""
    command_and_rest(words[1:], exact=True)


def parses(reader: Reader, words: list[str]) -> None:
    """Read arguments and options; nothing is called."""
    command, context, rest = command_and_rest(words[1:], exact=False)
    command.make_context(words[1], rest, parent=context)


def fetches(reader: Reader, words: list[str]) -> None:
    """Read the options, and look whether there is such a dataset on disk; nothing is loaded."""
    parses(reader, words)
    open_dataset(words[3], None)


def launches(reader: Reader, words: list[str]) -> None:
    """Read torchrun's own options, and compose what each process would train."""
    options = get_args_parser().parse_args(words[1:])
    assert options.module
    assert (options.training_script, options.training_script_args[0]) == (
        "fusion_sched.commands.cli",
        "train",
    )
    composes_all([word for word in options.training_script_args[1:] if word != GAP])


def has_target(reader: Reader, words: list[str]) -> None:
    """Ask make what it would do; continuous integration does it, or a reason says why not."""
    variables = [word for word in words if "=" in word]
    _, target = (word for word in words if word not in variables)
    wanted = ["make", "-n", target, *variables]
    done = subprocess.run(wanted, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"make {target}\n" in CI or target in ELSEWHERE, (
        f"`make {target}` is neither in .ci/run nor has a reason in tests/docs/follow.py"
    )


def shows_help(reader: Reader, words: list[str]) -> None:
    """Run it with --help, which has to know the options that the page gives."""
    module, options = words[2], [word for word in words[3:] if word.startswith("--")]
    reader.monkeypatch.syspath_prepend(str(ROOT))
    reader.monkeypatch.setattr("sys.argv", [module, "--help"])
    reader.capture()
    with pytest.raises(SystemExit) as leaving:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert leaving.value.code == 0
    told = reader.capture()
    assert all(option in told for option in options), (options, told)


def runs_file(reader: Reader, words: list[str]) -> None:
    """Run a program of the page in this process."""
    reader.monkeypatch.syspath_prepend(os.getcwd())
    reader.monkeypatch.setattr("sys.argv", words[1:])
    runpy.run_path(words[1], run_name="__main__")


def runs_code(reader: Reader, words: list[str]) -> None:
    """Run a program in a line."""
    assert len(words) == 3, words
    exec(compile(words[2], "python -c", "exec"), {})


def runs_tests(reader: Reader, words: list[str]) -> None:
    """Run pytest in a process of its own: it cannot run within itself."""
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def has_test(reader: Reader, words: list[str]) -> None:
    """Look for the script, and for the test that runs it."""
    script = ROOT / words[1]
    assert script.is_file(), f"{script} does not exist"
    tests = (path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    assert any(script.stem in text for text in tests), (
        f"no test speaks of {words[1]}: write one that runs it"
    )


def has_module(reader: Reader, words: list[str]) -> None:
    """Look for the module, and for the action in it."""
    _, _, module, action, *_ = words
    path = ROOT / f"{module.replace('.', '/')}.py"
    assert f'"{action}"' in path.read_text(encoding="utf-8"), f"{path} knows no {action}"


def names_module(reader: Reader, words: list[str]) -> None:
    """Look for the module; the rule says where it is run."""
    path = ROOT / f"{words[2].replace('.', '/')}.py"
    assert path.is_file(), f"{path} does not exist"


def exists(reader: Reader, words: list[str]) -> None:
    """Look for the file; the rule says where it is run."""
    path = ROOT / words[0]
    assert path.is_file() or path.parts[-3:-1] == (".venv", "bin"), f"{path} does not exist"


def installs(reader: Reader, words: list[str]) -> None:
    """Look whether the project has the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"\[(.*?)\]", words[-1]):
        unknown = set(extras.split(",")) - set(project["optional-dependencies"])
        assert not unknown, f"the project has no extra {', '.join(sorted(unknown))}"


def in_path(reader: Reader, words: list[str]) -> list[str]:
    """Put the page's folder where ``PYTHONPATH=.`` would; return the words without it."""
    if not words[0].startswith("PYTHONPATH="):
        return words
    reader.monkeypatch.syspath_prepend(os.getcwd())
    return words[1:]


def real(reader: Reader, words: list[str]) -> list[str]:
    """Put real names in the place of those that stand for the reader's own."""
    found = []
    for place, word in enumerate(words):
        key, equals, value = word.rpartition("=")
        before = key or (words[place - 1] if place else "")
        found.append(key + equals + real_name(reader, before, value, words))
    return [word for word in found if word]


def real_name(reader: Reader, key: str, value: str, words: list[str]) -> str:
    if value == GAP:
        return ""
    if value in ("RUN", f"outputs/train/{GAP}"):
        return reader.run()
    if value in ("RUNS", f"RUNS{GAP}"):
        return reader.runs()
    if value in ("FOLDER", "DIR"):
        return str(reader.data(dataset_of(words))) if key.endswith("root") else "folder"
    return value


def command_and_rest(
    words: list[str], exact: bool
) -> tuple[typer.core.TyperCommand, typer.Context, list[str]]:
    """Return the command that the first words name, and the other words."""
    found = typer.main.get_command(app)
    context = found.make_context("fusion-sched", [], resilient_parsing=True)
    while words and isinstance(found, typer.core.TyperGroup):
        inner = found.get_command(context, words[0])
        assert inner is not None, f"fusion-sched has no command {words[0]!r}"
        found, words = inner, words[1:]
    assert not (exact and words), f"{words} would be arguments"
    return found, context, words


def composes_all(words: list[str]) -> None:
    """Compose so often that every value of every sweep has its turn."""
    overrides, path = [], []
    for place, word in enumerate(words):
        if word == "--config-dir":
            path = [f"hydra.searchpath=[file://{Path(words[place + 1]).resolve()}]"]
        elif not word.startswith(("-", "sweep.")) and words[place - 1] != "--config-dir":
            overrides.append(word)
    values = [values_of(word) for word in overrides]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for turn in range(max(map(len, values), default=1)):
            cfg = compose("train", overrides=[*path, *(v[turn % len(v)] for v in values)])
            check_values(cfg)
            build_controller(cfg)
            if not OmegaConf.missing_keys(cfg.dataset):
                build_dataset(cfg)


def values_of(override: str) -> list[str]:
    """Return the override of each value of a sweep, or the override itself."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return [override]
    key = override.partition("=")[0]
    if parsed.is_interval_sweep():  # of a search: its ends
        ends = parsed.value()
        return [f"{key}={ends.start}", f"{key}={ends.end}"]
    return [f"{key}={value}" for value in parsed.sweep_string_iterator()]


def fewer(words: list[str]) -> list[str]:
    """Return a sweep over the first and the last value of each key.

    Of seeds only the first, where something else is swept; two, where nothing is.
    """
    swept = {word: values_of(word) for word in words if "=" in word and word[0] != "-"}
    keys = {word.partition("=")[0] for word, values in swept.items() if len(values) > 1}
    found = []
    for word in words:
        values = swept.get(word, [word])
        kept = [value.partition("=")[2] for value in (values[0], values[-1])]
        if len(values) == 1:
            found.append(word)
        elif word.startswith("seed=") and keys != {"seed"}:
            found.append(values[0])
        else:
            found.append(f"{word.partition('=')[0]}={','.join(kept)}")
    return found if keys else [*found, "seed=0,1"]
