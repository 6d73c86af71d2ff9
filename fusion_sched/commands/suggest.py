"""Near matches for misspelt groups, choices and keys, in the words of the command line."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields

from hydra._internal.utils import get_args_parser
from hydra.errors import CompactHydraException, OverrideParseException

from fusion_sched.commands.choices import (
    ADDED,
    PREFIXES,
    Key,
    default_choices,
    full_keys,
    groups_of,
    summary_of,
    top_keys,
)
from fusion_sched.config.schema import Stage1Config, Stage2Config, TrainConfig

NO_SUCH_KEY = re.compile(r"Could not (?:override|delete from config\.|append to config) ?'([^']+)'")
NO_SUCH_CHOICE = re.compile(r"Could not find '([^']+)'")
_TO_APPEND = re.compile(r"To append to your config use \+.*")
NO_SUCH_KEY_HINT = (
    "This choice has no such key; --cfg job prints those it has, and a key that it takes besides "
    "is added with + before it"
)
OF_KEY = re.compile(r"(?P<said>.*)\n +full_key: (?P<key>\S+)")
NOT_CONVERTED = re.compile(r"Value (?P<value>'.*') of type '\w+' could not be converted to (\w+)")
NOT_INSIDE = re.compile(r"Invalid type assigned: .* value: (?P<value>.*)")
EXPECTED = {"Integer": "a whole number", "Float": "a number"}
ADDS = re.compile(r"\++([\w@/.]+)=.*", flags=re.S)
KEYS = {
    "": [f.name for f in fields(TrainConfig)],
    "stage1": [f.name for f in fields(Stage1Config)],
    "stage2": [f.name for f in fields(Stage2Config)],
}
"""Keys at the top of a configuration, and inside a stage."""
NEAREST, ENOUGH = 3, 0.6
"""Number of matches, and how similar they are at least, from 0 to 1."""


def explain(error: Exception, overrides: Sequence[str]) -> str:
    """Return what an error of Hydra or OmegaConf says, for somebody who wrote these overrides."""
    if suggestion := suggestion_for(str(error), overrides):
        text = str(error).partition("\nConfig search path:")[0].split("\nTo append to your")[0]
        return f"{text}\n{suggestion}"
    if of_key := OF_KEY.match(str(error.__cause__ or error)):
        return _wrong_value(**of_key.groupdict())
    details = [_TO_APPEND.sub(NO_SUCH_KEY_HINT, str(error))]
    if isinstance(error, OverrideParseException):
        details.append(
            "a value with one of = , : ( ) [ ] { } needs quotes inside those of the shell, as "
            "in \"dataset.root='a=b'\""
        )
    if error.__cause__ is not None and str(error.__cause__) not in details[0]:
        details.append(str(error.__cause__))
    return "\n".join(details)


def _wrong_value(said: str, key: str) -> str:
    """Return a sentence on a value that its key cannot have."""
    if match := NOT_CONVERTED.fullmatch(said):
        return f"{key} is {match['value']}, expected {EXPECTED.get(match[2], match[2])}"
    if match := NOT_INSIDE.fullmatch(said):
        return f"{key} is {match['value']}, expected a key inside of {key}, as in {key}.KEY=VALUE"
    return f"{key} is null, expected a value" if "not Optional" in said else f"{key}: {said}"


def suggestion_for(message: str, overrides: Iterable[str]) -> str:
    """Return a sentence that names what an error of Hydra may have meant; empty for none.

    Parameters
    ----------
    message
        Of the error.
    overrides
        Of the command, which say what is chosen in each group.
    """
    if "Did you mean" in message:
        return ""
    choice, key = NO_SUCH_CHOICE.search(message), NO_SUCH_KEY.search(message)
    if choice is not None:
        group, _, name = choice[1].rpartition("/")
        return _near_choices(group, name)
    return _near_keys(key[1], chosen_by(overrides)) if key is not None else ""


def check_options(words: Sequence[str]) -> None:
    """Raise for an option that Hydra does not know, which is most often a setting."""
    options = re.findall(r"--[\w-]+", get_args_parser().format_usage())
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("--") and not any(option.startswith(name) for option in options):
            key = name.removeprefix("--").replace("-", "_")
            near = _near_keys(key, chosen_by(words)) or "fusion-sched train --help lists them"
            raise CompactHydraException(
                f"{name} is no option of train, which takes settings as KEY=VALUE. {near}"
            )


def check_added_keys(overrides: Iterable[str]) -> None:
    """Raise where an added key, which Hydra takes whatever its name, is a known one misspelt."""
    for override in overrides:
        match = ADDS.fullmatch(override)
        if match is None:
            continue
        name, _, inner = match[1].partition(".")
        group = name.partition("@")[0]
        if inner and name in KEYS:
            if inner.partition(".")[0] not in KEYS[name]:
                raise ValueError(_unknown(match[1], f"{name}. with one of {', '.join(KEYS[name])}"))
        elif group not in (*KEYS[""], *groups_of(), "hydra"):
            known = [*KEYS[""], *groups_of()]
            near = difflib.get_close_matches(group, known, n=1, cutoff=0.75)
            if near:
                raise ValueError(_unknown(match[1], f"{near[0]}, as in {_way_to_set(near[0])}"))


def _unknown(key: str, expected: str) -> str:
    return f"{key} is no key of a training; expected {expected}"


def _way_to_set(name: str) -> str:
    return f"+{name}=CHOICE" if name in ADDED else f"{name}=VALUE"


def chosen_by(overrides: Iterable[str]) -> dict[str, str]:
    """Return group → choice, the defaults with what the overrides choose instead."""
    chosen = default_choices()
    for override in overrides:
        group, _, choice = override.lstrip("+").partition("=")
        group, choice = group.partition("@")[0], choice.partition(",")[0]
        if any(path.stem == choice for path in groups_of().get(group, [])):
            chosen[group] = choice
    return chosen


def keys_in(chosen: dict[str, str]) -> Iterator[Key]:
    """Yield the keys of a configuration with these choices, those of both stages included."""
    yield from top_keys()
    for group, choice in chosen.items():
        for path in groups_of().get(group, []):
            if path.stem == choice and group not in ADDED:
                for key in full_keys(group, path):
                    yield key
                    if group in PREFIXES:
                        yield key._replace(name=key.name.replace("stage1.", "stage2.", 1))


def _near_keys(key: str, chosen: dict[str, str]) -> str:
    """Return the nearest groups and keys of the chosen configuration, each with what it is."""
    known = {k.name: f"{k.name}={k.default}" + (f"  # {k.what}" if k.what else "")
             for k in keys_in(chosen)}  # fmt: skip
    node = key.rpartition(".")[0]
    inside = {name.removeprefix(f"{node}."): line for name, line in known.items()
              if node and name.startswith(f"{node}.")}  # fmt: skip
    if inside:
        lines = _nearest(key.removeprefix(f"{node}."), inside)
        choice = f" with {node}={chosen[node]}" if node in chosen else ""
        return lines or f"The keys of {node}{choice}: {', '.join(inside)}"
    return _nearest(key, known | {group: _group_line(group) for group in groups_of()})


def _nearest(name: str, known: Mapping[str, str]) -> str:
    """Return the lines of the nearest names, or nothing where none is near."""
    matches = difflib.get_close_matches(name, known, n=NEAREST, cutoff=ENOUGH)
    return "\n  ".join(["Did you mean:", *(known[match] for match in matches)]) if matches else ""


def _group_line(group: str) -> str:
    names = ", ".join(path.stem for path in groups_of()[group])
    return f"{'+' if group in ADDED else ''}{group}=CHOICE  # {names}"


def _near_choices(group: str, name: str) -> str:
    """Return the nearest choices of a group, each with what it is."""
    asked = f"+{group}" if group in ADDED else group
    asked += f"@{PREFIXES[group]}" if group in PREFIXES else ""
    paths = groups_of().get(group, [])
    return _nearest(name, {p.stem: f"{asked}={p.stem}  # {summary_of(p)}" for p in paths})
