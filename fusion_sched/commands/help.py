"""The help texts of the commands that take Hydra overrides."""

from rich.console import Console
from rich.table import Table

from fusion_sched.config.schema import config_dir


def print_help(console: Console) -> None:
    """Print how to call train, and every group with its choices."""
    console.print(TRAIN_USAGE, soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column()
    for group, choices in list_choices().items():
        for number, (name, summary) in enumerate(choices.items()):
            table.add_row("" if number else group, name, summary)
    console.print(table)
    console.print(TRAIN_MORE, soft_wrap=True)


def list_choices() -> dict[str, dict[str, str]]:
    """Return group → choice → its first comment line, read from the configs."""
    choices: dict[str, dict[str, str]] = {}
    for path in sorted(config_dir().glob("*/*.yaml")):
        comments = [
            text.removeprefix("#").strip()
            for text in path.read_text(encoding="utf-8").splitlines()
            if text.startswith("#") and "@package" not in text
        ]
        choices.setdefault(path.parent.name, {})[path.stem] = comments[0] if comments else ""
    return choices


def print_replay_help(console: Console) -> None:
    console.print(REPLAY_USAGE, soft_wrap=True)


TRAIN_USAGE = """\
[bold]fusion-sched train[/] [KEY=VALUE …]

Train a multimodal classifier in two stages: each modality alone, then jointly.
A diagnostic decomposes, in bits, what the embeddings know of the label; the
controller reads it and decides who trains and when the joint stage starts.

  fusion-sched train                                built-in digits, controller=pid
  fusion-sched train controller=joint seed=3        another choice, another seed
  fusion-sched train +experiment=digits_halves      a prepared experiment
  fusion-sched train dataset=arrays dataset.root=my.npz        your own arrays
  fusion-sched train -m seed=0,1,2 controller=pid,joint        a sweep: six runs
  fusion-sched train resume=outputs/train/…         go on with an interrupted run
                     (allow=NAME: with a class of your own that it names)
  fusion-sched train -m … hydra.sweep.dir=DIR sweep.resume=true      … with a sweep
  fusion-sched train +method=ogm_ge                 a method by name, as in comparisons
  fusion-sched train --cfg job                      print the configuration only

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
