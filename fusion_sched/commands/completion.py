"""What a shell offers for the word at the cursor, and the scripts that make it ask."""

import shlex
from collections.abc import Iterable
from typing import Any

from typer.core import TyperGroup

from fusion_sched.commands.choices import ADDED, PREFIXES, groups_of
from fusion_sched.commands.suggest import chosen_by, keys_in

SHELLS = ("bash", "zsh", "fish")
TRAIN_FLAGS = ("--help", "--cfg", "-m")
BASH = """\
_fusion_sched() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}"
    local word="${line##* }" tail prefix candidate
    tail="${word##*[=:@]}"      # bash takes these for ends of words
    prefix="${word%"$tail"}"
    COMPREPLY=()
    for candidate in $(fusion-sched completion query "$line" 2>/dev/null); do
        COMPREPLY+=("${candidate#"$prefix"}")
        [[ $candidate == *[=.] ]] && compopt -o nospace
    done
}
complete -o default -F _fusion_sched fusion-sched
"""
ZSH = """\
#compdef fusion-sched
_fusion_sched() {
    local -a candidates
    candidates=(${(f)"$(fusion-sched completion query "${(j: :)words[1,CURRENT]}" 2>/dev/null)"})
    if (( $#candidates )); then compadd -S '' -- $candidates; else _files; fi
}
compdef _fusion_sched fusion-sched
"""
FISH = """\
complete -c fusion-sched -a '(fusion-sched completion query (commandline -cp | string collect))'
"""
SCRIPTS = dict(zip(SHELLS, (BASH, ZSH, FISH), strict=True))


def candidates(line: str, commands: TyperGroup) -> list[str]:
    """Return what the last word of a command line may become.

    Parameters
    ----------
    line
        From the name of the program to the cursor.
    commands
        The program.
    """
    words = _words(line)[1:]
    word = words[-1] if words else ""
    command: Any = commands
    before = words[:-1]
    while before and isinstance(command, TyperGroup) and before[0] in command.commands:
        command, before = command.commands[before[0]], before[1:]
    known: Iterable[str]
    if isinstance(command, TyperGroup):
        known = command.commands
    elif command.name in ("train", "replay"):
        known = _of_training(word, before) if command.name == "train" else _of_replay(word)
    else:
        known = [name for option in command.params for name in option.opts if name[:2] == "--"]
    return [name for name in known if name.startswith(word)]


def _words(line: str) -> list[str]:
    """Return the words of an unfinished line; one that is only begun, or empty, is the last."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is still open
        words = line.split()
    return [*words, ""] if not words or line.endswith(" ") else words


def _of_training(word: str, before: list[str]) -> list[str]:
    """Return groups, keys and flags, or after `=` the values of a group or of a switch."""
    name, equals, value = word.partition("=")
    chosen = chosen_by(before)
    if before[-1:] == ["--help"]:
        return list(groups_of())
    if before[-1:] == ["--cfg"]:
        return ["job", "hydra", "all"]
    if not equals:
        groups = [f"{g}@{PREFIXES[g]}" if g in PREFIXES else g for g in groups_of()]
        names = [f"{'+' if g in ADDED else ''}{g}=" for g in groups]
        return [*names, *(f"{key.name}=" for key in keys_in(chosen)), *TRAIN_FLAGS, "resume="]
    paths = groups_of().get(name.lstrip("+").partition("@")[0], [])
    if paths:
        earlier, comma, _ = value.rpartition(",")
        return [f"{name}={earlier}{comma}{path.stem}" for path in paths]
    switches = {key.name for key in keys_in(chosen) if key.default in ("true", "false")}
    return [f"{name}=true", f"{name}=false"] if name in switches else []


def _of_replay(word: str) -> list[str]:
    """Return the controllers, and nothing for a folder: a shell completes that by itself."""
    controllers = [f"controller={path.stem}" for path in groups_of()["controller"]]
    return [*controllers, "--branches", "--reading"] if word else []
