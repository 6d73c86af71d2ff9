"""docs/cli.md: every command with its options, every key of a training and every choice.

python scripts/cli_reference.py        writes it; a test holds it against the code
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fusion_sched.config.schema import config_dir

DOCUMENT = Path(__file__).parents[1] / "docs" / "cli.md"
COMMAND = "python scripts/cli_reference.py"

LINE = re.compile(r"(?P<indent> *)(?P<key>[\w@/.]+):(?: (?P<value>.*?))?(?: +# (?P<what>.*))?")
SILENT = ("_target_", "_partial_", "defaults", "hydra")
"""Keys that nobody sets."""

PREFIXES = {"optimizer": "stage1.optimizer", "scheduler": "stage1.scheduler"}
"""Where a group's keys lie, if not under its own name."""
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


class Key(NamedTuple):
    """A key, its default as the yaml has it, and what its comment says."""

    name: str
    default: str
    what: str


def main() -> None:
    DOCUMENT.write_text(reference(), encoding="utf-8")
    print(f"{DOCUMENT} written")


def reference() -> str:
    """Return the whole document."""
    defaults = default_choices()
    groups = [group_section(name, paths, defaults) for name, paths in groups_of().items()]
    top = "### At the top\n\n" + key_table(list(keys_of(config_dir() / "train.yaml")))
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


def groups_of() -> dict[str, list[Path]]:
    """Return the yamls of each group."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*config_dir().glob("*/*.yaml"), *config_dir().glob("hydra/*/*.yaml")]):
        found.setdefault(path.parent.relative_to(config_dir()).as_posix(), []).append(path)
    return found


def default_choices() -> dict[str, str]:
    """Return the default of each group that has one."""
    content = yaml.safe_load((config_dir() / "train.yaml").read_text(encoding="utf-8"))
    chosen: dict[str, str] = {}
    for entry in content["defaults"]:
        if isinstance(entry, dict):
            chosen |= {
                str(group).partition("@")[0]: "null" if choice is None else str(choice)
                for group, choice in entry.items()
            }
    return chosen


def group_section(group: str, paths: Sequence[Path], defaults: Mapping[str, str]) -> str:
    """Return a group: its choices, and the keys of each."""
    default = f" (default: `{defaults[group]}`)" if group in defaults else ""
    parts = [f"### `{group}`{default}"]
    if group in SAYS:
        parts.append(SAYS[group])
    adding = group in ("method", "experiment")
    rows = [
        (f"`{path.stem}`", summary_of(path), *([settings_of(path)] if adding else []))
        for path in paths
    ]
    parts.append(table(("choice", "what", "sets") if adding else ("choice", "what"), rows))
    if not adding:
        prefix = PREFIXES.get(group, group.replace("/", ".")) + "."
        for path in paths:
            keys = [key._replace(name=prefix + key.name) for key in keys_of(path)]
            if keys:
                parts.append(f"`{group}={path.stem}`:\n\n{key_table(keys)}")
    return "\n\n".join(parts)


def summary_of(path: Path) -> str:
    """Return the first sentence of an experiment's head, and the first line of any other."""
    comments = [
        line.removeprefix("#").strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("#") and "@package" not in line
    ]
    if path.parent.name != "experiment":
        return comments[0]
    return re.split(r"(?<=\.) ", " ".join(comments))[0]


def keys_of(path: Path) -> Iterator[Key]:
    """Read the keys of a yaml in its order, nested ones with dots, and the comments beside them.

    A comment in a line of its own, below the head, belongs to the key that follows.
    """
    above: list[tuple[int, str]] = []
    said: list[str] = []
    in_head = True
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("#"):
            said += [] if in_head else [line.strip("# ")]
            continue
        in_head = False
        found = LINE.fullmatch(line)
        if found is None:  # an item of a list, or nothing
            continue
        indent = len(found["indent"])
        above = [(depth, name) for depth, name in above if depth < indent]
        names = [*(name for _, name in above), found["key"]]
        if found["value"] and names[0] not in SILENT:
            yield Key(".".join(names), found["value"], " ".join([*said, found["what"] or ""]))
            said = []
        elif not found["value"]:
            above.append((indent, found["key"]))


def settings_of(path: Path) -> str:
    """Return what a method or an experiment sets, as overrides."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = content.pop("defaults", [])
    chosen = [
        f"{str(group).removeprefix('override ').lstrip('/')}={choice}"
        for entry in entries
        if isinstance(entry, dict)
        for group, choice in entry.items()
    ]
    based = [f"+{path.parent.name}={entry}" for entry in entries if is_sibling(entry, path)]
    values = [f"{name}={value}" for name, value in flat(content)]
    return " ".join(f"`{word}`" for word in (*based, *chosen, *values))


def is_sibling(entry: object, path: Path) -> bool:
    """Say whether an entry of the defaults is another yaml of the same group."""
    return isinstance(entry, str) and (path.parent / f"{entry}.yaml").is_file()


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return the settings with dots; what only names a comparison's row is none."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" not in ("method", "role"):
            yield f"{prefix}{name}", str(value).lower() if isinstance(value, bool) else str(value)


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
