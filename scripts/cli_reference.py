"""docs/cli.md: every command with its options, every key of a training and every choice.

python scripts/cli_reference.py        writes it; a test holds it against the code
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusion_sched.commands.choices import (
    ADDED,
    Key,
    default_choices,
    full_keys,
    groups_of,
    settings_of,
    summary_of,
    top_keys,
)

DOCUMENT = Path(__file__).parents[1] / "docs" / "cli.md"
COMMAND = "python scripts/cli_reference.py"

SAYS = {
    "method": "A controller, a balancer and a fusion module by one name; it is added: "
    "`+method=CHOICE`. [methods.md](methods.md) says what each is.",
    "experiment": "A prepared experiment; it is added: `+experiment=CHOICE`. The head of each yaml "
    "names the command, the hardware and what to expect.",
    "debug": "None by default. [training_options.md](training_options.md) says what each is for.",
    "optimizer": "One per stage: `optimizer@stage1.optimizer=CHOICE`, and the same with `stage2`.",
    "scheduler": "One per stage: `scheduler@stage1.scheduler=CHOICE`, and the same with `stage2`. "
    "A yaml of your own may name any class of `torch.optim.lr_scheduler`. It is stepped once per "
    "epoch; `T_max`, `total_iters` and `total_steps` of `null` are the epochs of the stage; "
    "`ReduceLROnPlateau` watches the training loss.",
    "encoder": "One for all modalities, or `encoder=by_modality` and one for each: "
    "`+encoder@encoder.NAME=CHOICE encoder.NAME.KEY=VALUE`.",
    "search": "What a search for hyper-parameters tries; it is added to a sweep: "
    "`-m +search=CHOICE`. [search.md](search.md).",
    "hydra/sweeper": "How the runs of a sweep are chosen. Besides this one, Hydra's `basic` (the "
    "default): every combination. [search.md](search.md).",
    "hydra/launcher": "Where the runs of a sweep run: [sweeps.md](sweeps.md). Besides these, "
    "Hydra's `basic` (the default), and `joblib`, `submitit_local` and `submitit_slurm` of its "
    "plugins.",
}

USAGE = {
    "$ fusion-sched train [OPTIONS]": "$ fusion-sched train [-m] [GROUP=CHOICE] [KEY=VALUE] …",
    "$ fusion-sched replay [OPTIONS]": "$ fusion-sched replay RUN [OPTIONS] [controller=CHOICE] "
    "[controller.KEY=VALUE] …",
}
"""What typer cannot know of commands that take overrides."""

HEAD = f"""\
# Command line

Made from the code by `{COMMAND}`. `fusion-sched train --help` prints groups and choices, too.
"""
TRAINING = """\
## Keys of `fusion-sched train`

    fusion-sched train controller=pid controller.threshold=3    # a choice, and a key of it
    fusion-sched train +method=ogm_ge                           # a method or an experiment is added
    fusion-sched train -m seed=0,1,2 controller=pid,joint       # a sweep over every combination
    fusion-sched train controller=pid --cfg job                 # print the configuration only

An unknown key, or a value of another type, ends the program with a message before anything trains.
In the tables `null` is no value, `???` must be set, and `${…}` is the value of another key. The
folder of a run is `hydra.run.dir=FOLDER`, of a sweep `hydra.sweep.dir=FOLDER`. `resume=RUN` resumes
a run, `sweep.resume=true` a sweep.
"""


def main() -> None:
    DOCUMENT.write_text(reference(), encoding="utf-8")
    print(f"{DOCUMENT} written")


def reference() -> str:
    """Return the whole document."""
    defaults = default_choices()
    groups = [group_section(name, paths, defaults) for name, paths in groups_of().items()]
    top = "### At the top\n\n" + key_table(top_keys())
    return "\n\n".join(part.strip() for part in (HEAD, commands(), TRAINING, top, *groups)) + "\n"


def commands() -> str:
    """Return what typer's own generator says of the commands."""
    words = ["-m", "typer", "fusion_sched.commands.cli", "utils", "docs", "--name", "fusion-sched"]
    environment = {**os.environ, "COLUMNS": "1000", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, check=True, capture_output=True, text=True
    )
    text = re.sub(r"<span style=\"font-weight: bold\">(.*?)</span>", r"`\1`", done.stdout)
    for found, said in USAGE.items():
        assert found in text, "typer words its usage in another way now"
        text = text.replace(found, said)
    return text[text.index("## `") :]  # the title and the list of commands are ours


def group_section(group: str, paths: Sequence[Path], defaults: Mapping[str, str]) -> str:
    """Return a group: its choices, and the keys of each."""
    default = f" (default: `{defaults[group]}`)" if group in defaults else ""
    parts = [f"### `{group}`{default}"]
    if group in SAYS:
        parts.append(SAYS[group])
    adding = group in ADDED
    rows = [
        (
            f"`{path.stem}`",
            summary_of(path),
            *([" ".join(f"`{word}`" for word in settings_of(path))] if adding else []),
        )
        for path in paths
    ]
    parts.append(table(("choice", "what", "sets") if adding else ("choice", "what"), rows))
    if not adding:
        parts += [
            f"`{group}={path.stem}`:\n\n{key_table(keys)}"
            for path in paths
            if (keys := full_keys(group, path))
        ]
    return "\n\n".join(parts)


def key_table(keys: Sequence[Key]) -> str:
    """Return a table of keys."""
    rows = [(f"`{key.name}`", f"`{key.default}`", key.what) for key in keys]
    return table(("key", "default", "what"), rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; a bar within a cell is no border."""
    lines = [header, ["---"] * len(header), *rows]
    escaped = [[cell.strip().replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


if __name__ == "__main__":
    main()
