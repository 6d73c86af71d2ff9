"""The help texts of the commands that take Hydra overrides."""

import difflib
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fusion_sched.commands.choices import (
    ADDED,
    default_choices,
    full_keys,
    groups_of,
    list_choices,
    settings_of,
    top_keys,
)
from fusion_sched.runtime.files import description_of


def print_help(console: Console, topics: Sequence[str] = ()) -> None:
    """Print how to call train and every group with its choices, or all about some groups.

    Parameters
    ----------
    console
        Where to.
    topics
        Groups, such as `controller`, choices, such as `controller=pid`, or keys of no group.
    """
    if topics:
        for topic in topics:
            _print_topic(console, topic)
        return
    console.print(TRAIN_USAGE, soft_wrap=True)
    rows = [
        ("" if number else group, name, summary)
        for group, choices in list_choices().items()
        for number, (name, summary) in enumerate(choices.items())
    ]
    console.print(_table(rows, fixed=2))
    console.print(TRAIN_MORE, soft_wrap=True)


def _print_topic(console: Console, topic: str) -> None:
    """Print every choice of a group with its whole description, and its keys with theirs."""
    group, _, choice = topic.lstrip("+").partition("=")
    group = group.partition("@")[0]
    paths = [path for path in groups_of().get(group, []) if choice in ("", path.stem)]
    top = [key for key in top_keys() if group in (key.name, key.name.partition(".")[0])]
    if not paths and not top:
        known = [*groups_of(), *(key.name for key in top_keys())]
        known = [f"{group}={path.stem}" for path in groups_of().get(group, [])] or known
        near = difflib.get_close_matches(topic, known, n=3) or known
        raise typer.BadParameter(f"no help on {topic!r}; expected one of {', '.join(near)}")
    if top:
        console.print(_table([(key.name, key.default, key.what) for key in top]))
    for path in paths:
        default = " (default)" if default_choices().get(group) == path.stem else ""
        added = "+" if group in ADDED else ""
        console.print(f"[bold]{added}{group}={path.stem}[/]{default}", highlight=False)
        for line in description_of(path):
            console.print(f"  {line}", highlight=False, markup=False)
        if group in ADDED:
            console.print(f"  sets {' '.join(settings_of(path))}", highlight=False, markup=False)
        elif keys := full_keys(group, path):
            console.print(_table([(f"  {k.name}", k.default, k.what) for k in keys]))


def _table(rows: Sequence[tuple[str, str, str]], fixed: int = 1) -> Table:
    """Return rows whose last cells wrap and are never cut; so many first ones do not wrap."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in range(3):
        kept = column < fixed
        table.add_column(no_wrap=kept, overflow="fold", style="bold" if column == 0 else "")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def print_replay_help(console: Console) -> None:
    console.print(REPLAY_USAGE, soft_wrap=True)


TRAIN_USAGE = """\
[bold]fusion-sched train[/] [KEY=VALUE …]

Train a multimodal classifier in two stages: each modality alone, then jointly.
A diagnosis measures, in bits, the information about the label in the embeddings;
a controller decides by it which modality trains, and whether and when joint
training starts.

  fusion-sched train                                built-in digits, controller=evidence
  fusion-sched train controller=joint seed=3        another choice, another seed
  fusion-sched train +experiment=digits_parity      a prepared experiment
  fusion-sched train dataset=arrays dataset.root=my.npz        your own arrays
  fusion-sched train -m seed=0,1,2 +method=evidence,joint      a sweep: six runs
  fusion-sched train resume=outputs/train/…         go on with an interrupted run
                     (allow=NAME: with a class of your own that it names)
  fusion-sched train -m … hydra.sweep.dir=DIR sweep.resume=true      … with a sweep
  fusion-sched train +method=ogm_ge                 a method by name, as in comparisons
  fusion-sched train -m +search=default +method=joint a search for good settings, on validation
  fusion-sched train --cfg job                      print the configuration only
  fusion-sched train --help controller              all choices of a group, with all their keys

Groups and choices (GROUP=CHOICE; an experiment is added: +experiment=CHOICE):
"""

TRAIN_MORE = """
Keys of a choice are set with a dot: controller.threshold=3, probe.every=5.
Stages: stage1.epochs, stage2.epochs, equal_budget;
  optimizer@stage1.optimizer=adamw, stage1.optimizer.lr=0.02,
  scheduler@stage2.scheduler=cosine.
Others: batch_size, seed, device, threads; early_stopping.patience, ema_decay and more options
  of training, all off by default: docs/cli.md. Run folder: hydra.run.dir=FOLDER.
Hydra's own flags: fusion-sched train --hydra-help.
"""

REPLAY_USAGE = """\
[bold]fusion-sched replay[/] RUN \\[controller=CHOICE] \\[controller.KEY=VALUE …]
                    \\[--reading stored|generalising]

Run a controller over the stored trace of RUN and print what it would have decided, without
training. Without controller=CHOICE it is the run's own controller, with the given keys changed.
--reading: decide on diagnoses of training samples (stored) or of validation samples (generalising);
a run with probe.source=both holds both.

  fusion-sched replay outputs/train/… controller=pid controller.threshold=2

[bold]fusion-sched replay[/] RUN --branches

Train the branches that controller=evidence could have taken at the hand-over of RUN, from the
weights kept there, in RUN/branches, and say whether its choice was right.

A run with a controller of your own needs your word for it: allow=my_package.MyController.
"""
