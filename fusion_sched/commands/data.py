"""Behind `fusion-sched data`: check, prepare, sample and fetch a dataset on disk."""

import json
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.table import Table

from fusion_sched.commands.choices import list_choices
from fusion_sched.config.build import build_dataset, check_finite
from fusion_sched.config.schema import config_dir, register
from fusion_sched.data.clips.check import store_issues
from fusion_sched.data.clips.fetch import fetch_source
from fusion_sched.data.clips.load import (
    check_command,
    check_on_error,
    notes_on_files,
    prepare_clips,
)
from fusion_sched.data.clips.types import ClipDataset, Issue, OnDisk, Report
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.probe import PosteriorProbe
from fusion_sched.probe.posterior.checks import check_samples
from fusion_sched.runtime.files import naming
from fusion_sched.training.components import few_held_out

EXAMPLES = 3
"""Messages that the table shows of each kind of issue; of a common harmless kind, one."""


def open_dataset(name: str, root: Path | None, overrides: Sequence[str] = ()) -> OnDisk:
    """Return the dataset as `fusion-sched train dataset=NAME` would make it; nothing is read.

    Raises
    ------
    ValueError
        No such dataset, an override of something else, two roots, a number that is not finite, or
        a dataset that is not on disk.
    """
    choices = list_choices()["dataset"]
    if name not in choices:
        raise ValueError(f"no dataset is called {name!r}; known: {', '.join(sorted(choices))}")
    foreign = [o for o in overrides if not o.lstrip("+").startswith("dataset.")]
    if foreign:
        raise ValueError(
            f"got {' '.join(foreign)}; expected settings of the dataset, as in dataset.split=actor"
        )
    if root is not None and any(o.lstrip("+").startswith("dataset.root=") for o in overrides):
        raise ValueError(f"got --root {root} and dataset.root as well, expected one of them")
    register()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=[f"dataset={name}", *overrides])
    if root is not None and "root" in cfg.dataset:
        cfg.dataset.root = str(root)
    check_finite("dataset", OmegaConf.to_container(cfg.dataset))
    dataset = build_dataset(cfg)
    if not isinstance(dataset, OnDisk):
        raise ValueError(
            f"{name} is not on disk, or its class has no `source`, `check` and `write_sample`: "
            "there is nothing to check, prepare, sample or fetch"
        )
    if isinstance(dataset, ClipDataset):
        check_on_error(dataset)
    return dataset


def check(
    name: str, root: Path | None, overrides: Sequence[str], as_json: bool, deep: bool = False
) -> tuple[Any, int]:
    """Return what to print, and how many fatal issues there are; `deep`: of prepared data too."""
    dataset = open_dataset(name, root, overrides)
    with naming(Path(vars(dataset).get("list") or dataset.root)):
        report = dataset.check()
        if deep and isinstance(dataset, ClipDataset):
            report = replace(report, issues=[*report.issues, *store_issues(dataset)])
    fatal = sum(issue.fatal for issue in report.issues)
    cautions = too_few(report)
    if as_json:
        content = {
            "dataset": name, "root": dataset.root, "fatal": fatal, "cautions": cautions,
            **asdict(report),
        }  # fmt: skip
        content["faults"] = content.pop("issues")  # the key that scripts know
        return [json.dumps(content, indent=1)], fatal
    sentence = verdict(
        report, skips=isinstance(dataset, ClipDataset), published=bool(dataset.source.counts)
    )
    read = [f"{name}: {how}" for name, how in report.modalities.items()]
    tables = [split_table(dataset, report), *read, *issue_tables(report.issues)]
    return [*tables, sentence, *(f"caution: {text}" for text in cautions)], fatal


def too_few(report: Report) -> list[str]:
    """Return what training with the default probe will say of splits with too few samples."""
    counts = {split: sum(classes.values()) for split, classes in report.counts.items()}
    if not counts.get("train"):
        return []
    samples = min(counts["train"], PosteriorProbe.samples)
    few = few_held_out(counts["validation"])
    present = sum(count > 0 for count in report.counts["train"].values())
    return [*check_samples(samples, present), *([] if few is None else [few])]


def split_table(dataset: OnDisk, report: Report) -> Table:
    """Return splits with their sizes, beside the known ones."""
    table = Table(title=f"{dataset.source.title} in {dataset.root}", title_justify="left")
    for column in ("split", "clips", "known", "classes", "clips per class"):
        table.add_column(column)
    known = {split: str(count) for split, count in report.expected.items()}
    if report.expected and "validation" not in report.expected:
        known["train"] += " with validation"  # which is carved out of train
    for split, classes in report.counts.items():
        present = [count for count in classes.values() if count]
        spread = f"{min(present)} … {max(present)}" if present else ""
        table.add_row(
            split, str(sum(classes.values())), known.get(split, ""),
            f"{len(present)} of {len(classes)}", spread,
        )  # fmt: skip
    return table


def issue_tables(issues: Sequence[Issue]) -> list[Table]:
    """Return one table of the kinds of issue, fatal ones first; none where there is no issue."""
    if not issues:
        return []
    kinds: dict[tuple[bool, str], list[Issue]] = defaultdict(list)
    for issue in issues:
        kinds[not issue.fatal, issue.kind].append(issue)
    table = Table(title="issues", title_justify="left", show_lines=True)
    for column in ("kind", "count", "training", "for example"):
        table.add_column(column, no_wrap=column != "for example")
    for (harmless, kind), of_kind in sorted(kinds.items()):
        examples = 1 if harmless and len(of_kind) > EXAMPLES else EXAMPLES
        shown = "\n".join(issue.message for issue in of_kind[:examples])
        more = f"\n… and {len(of_kind) - examples} more (--json lists all)"
        table.add_row(
            kind, str(len(of_kind)), "goes on" if harmless else "refuses",
            shown + (more if len(of_kind) > examples else ""),
        )  # fmt: skip
    return [table]


def verdict(report: Report, skips: bool, published: bool) -> str:
    """Say in a sentence whether it can be trained on, and whether the split is a known one.

    `skips`: whether the dataset can leave out damaged clips; `published`: whether there are known
    splits.
    """
    fatal = sum(issue.fatal for issue in report.issues)
    split = (
        f"; the test clips are those of the known split {report.recognised!r}"
        if report.recognised
        else "; the test clips are not those of a known split"
    )
    if not published:
        split = ""
    if fatal:
        skip = " unless dataset.on_error=skip" if skips else ""
        return f"{fatal} fatal issue(s): training refuses{skip}{split}"
    return f"every clip can be read{split}"


def prepare(
    name: str, root: Path | None, overrides: Sequence[str], workers: int | None
) -> list[str]:
    """Decode every clip into the store; return what to print."""
    dataset = open_dataset(name, root, overrides)
    if not isinstance(dataset, ClipDataset):
        return [f"{name} is held in memory: there is nothing to prepare"]
    listing = dataset.listing()
    store, _ = prepare_clips(dataset, listing, workers)
    size = sum(path.stat().st_size for path in store.folder.iterdir())
    lines = [f"{len(listing.clips)} clips, {size / 1e6:,.1f} MB: {store.folder}"]
    issues = [*(issue for issue in listing.issues if issue.fatal), *store.damage]
    if issues:
        lines.append(
            f"{len(issues)} issue(s), so training will refuse; see them by "
            f"`{check_command(dataset)}`"
        )
    odd = [issue for issue in store.issues if not issue.fatal]
    return lines + [f"note: {note}" for note in notes_on_files(odd)]


def sample(name: str, out: Path, spec: SampleSpec) -> list[str]:
    """Write sample data; return what to print.

    Raises
    ------
    FileExistsError
        `out` holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} already exists and is not an empty folder; choose another")
    dataset = open_dataset(name, out)
    unknown = sorted(set(spec.strength) - set(dataset.source.modalities))
    if unknown:
        raise ValueError(
            f"--strength names {', '.join(unknown)}, but the modalities of {name} are "
            f"{', '.join(dataset.source.modalities)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    dataset.write_sample(out, spec)
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return [
        f"{spec.clips} clips, {len(files)} files, {size / 1e6:.1f} MB: {out}",
        "made by this program in the dataset's layout, not the dataset itself; train on it by",
        *(
            f"    fusion-sched train {training.format(out=shlex.quote(str(out)))}"
            for training in dataset.source.trainings
        ),
        *([] if dataset.source.trainings else [
            f"    fusion-sched train {training_of(name)} {root_override(out)}"
        ]),
    ]  # fmt: skip


def training_of(name: str) -> str:
    """Return the overrides of a short training on sample data."""
    experiments = list_choices()["experiment"]
    if f"{name}_smoke" in experiments:
        return f"+experiment={name}_smoke"
    choice = f"+experiment={name}" if name in experiments else f"dataset={name}"
    return f"{choice} stage1.epochs=5 stage2.epochs=5 probe.every=1"


def root_override(root: Path) -> str:
    """Return `dataset.root=ROOT` as a shell takes it, quoted for Hydra where that is needed."""
    plain = not set(str(root)) & set(" ,=:'\"()[]{}$\\")
    quoted = str(root) if plain else "'" + str(root).replace("'", "\\'") + "'"
    return shlex.quote(f"dataset.root={quoted}")


def parse_strength(text: str) -> dict[str, float]:
    """Read `audio=0.9,visual=0.5`."""
    strength = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            equals = ""
        if not equals or not 0 <= number <= 1:
            raise ValueError(
                f"strength {part!r}: expected MODALITY=NUMBER between 0 (the modality shows "
                "nothing of the class) and 1 (it always shows it), as in audio=0.9,visual=0.5"
            )
        strength[name.strip()] = number
    return strength


def fetch(name: str, root: Path | None) -> list[str]:
    """Download what may be; return what to print."""
    dataset = open_dataset(name, root)
    fetched = fetch_source(dataset.source, Path(dataset.root))
    if not fetched:
        return [f"everything is already in {dataset.root}"]
    return [f"fetched {path}" for path in fetched]
