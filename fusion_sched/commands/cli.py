"""fusion-sched: train and replay take Hydra overrides, everything else ordinary flags.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import errno
import io
import os
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import fusion_sched
from fusion_sched.commands.console import make_console
from fusion_sched.runtime.text import SPELL

FAILED, WRONG_USAGE = 1, 2
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_ERROR = "HYDRA_FULL_ERROR"

app = typer.Typer(
    help="Train multimodal classifiers in two stages, scheduled by partial information "
    "decomposition.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = make_console() if sys.stdout.isatty() else make_console(width=120)
errors = make_console(stderr=True, soft_wrap=True, highlight=False)

OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command line; every error becomes one message and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer characters
            stream.reconfigure(errors=SPELL)
    wants_traceback = os.environ.get(FULL_ERROR, "0") not in ("", "0")
    try:
        app()
    except BrokenPipeError:  # who reads the output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if wants_traceback:
            raise
        message, code = _explained(error)
        errors.print(f"[bold red]error:[/] {escape(message)}")
        sys.exit(code)


_NO_SUCH_KEY = re.compile(r"To append to your config use \+.*")
NO_SUCH_KEY = (
    "This choice has no such key; --cfg job prints those it has, and a key that it takes besides "
    "is added with + before it"
)


def _explained(error: Exception) -> tuple[str, int]:
    """Return an error as a message and an exit code."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    from fusion_sched.commands.suggest import suggestion_for

    if isinstance(error, HydraException | OmegaConfBaseException):
        if suggestion := suggestion_for(str(error), sys.argv[1:]):
            text = str(error).partition("\nConfig search path:")[0].split("\nTo append to your")[0]
            return f"{text}\n{suggestion}", WRONG_USAGE
        details = [_NO_SUCH_KEY.sub(NO_SUCH_KEY, str(error))]
        if isinstance(error, OverrideParseException):
            details.append(
                "a value with one of = , : ( ) [ ] { } needs quotes inside those of the shell, as "
                "in \"dataset.root='a=b'\""
            )
        if error.__cause__ is not None and str(error.__cause__) not in details[0]:
            details.append(str(error.__cause__))
        return "\n".join(details), WRONG_USAGE
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return f"{error}; make room and give the same command again", FAILED
    if isinstance(error, ValueError | OSError | FloatingPointError):
        return str(error), FAILED
    return f"{type(error).__name__}: {error} (set {FULL_ERROR}=1 for the traceback)", FAILED


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"fusion-sched {fusion_sched.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Train multimodal classifiers in two stages, scheduled by information."""


@app.command("train", context_settings=OVERRIDES, add_help_option=False)
def train_command(context: typer.Context) -> None:
    """Train in two stages. Takes Hydra overrides: see [bold]fusion-sched train --help[/]."""
    arguments = context.args
    if "--help" in arguments or "-h" in arguments:
        from fusion_sched.commands.help import print_help

        print_help(console, [a for a in arguments if a not in ("--help", "-h")])
        return
    if {"--shell-completion", "-sc"}.intersection(arguments):
        raise typer.BadParameter(
            'expected: eval "$(fusion-sched completion bash)", or zsh, or fish'
        )
    from fusion_sched.commands import train as training

    if any(a.startswith("resume=") for a in arguments):
        training.resume(arguments, console)
    else:
        training.launch(arguments)


class Reading(StrEnum):
    """Which diagnoses of a run: of training samples, or of others."""

    stored = "stored"
    generalising = "generalising"


@app.command("replay", context_settings=OVERRIDES, add_help_option=False)
def replay_command(
    context: typer.Context,
    reading: Annotated[
        Reading | None, typer.Option(help="Diagnoses to decide on; by default as in the run.")
    ] = None,
    branches: Annotated[
        bool, typer.Option("--branches", help="Train what was not chosen at the hand-over.")
    ] = False,
) -> None:
    """Re-run a controller on a stored trace: [bold]replay RUN controller=pid …[/], no training."""
    from fusion_sched.commands import help as usage
    from fusion_sched.commands import replay as replaying

    if not context.args or "--help" in context.args or "-h" in context.args:
        usage.print_replay_help(console)
    elif not context.args[0].strip():
        raise typer.BadParameter("an empty name, expected the folder of a run")
    elif branches:
        replaying.print_branches(context.args, console)
    else:
        replaying.print_replay(context.args, console, reading)


class TableFormat(StrEnum):
    """How a comparison is written."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"


def _named_path(text: str) -> Path:
    """Return a path; an empty text would be the working folder."""
    if not text.strip():
        raise typer.BadParameter("an empty name, expected a folder; . is the working folder")
    return Path(text)


Runs = Annotated[
    list[Path],
    typer.Argument(
        parser=_named_path, metavar="RUNS",
        help="Run folders, folders that hold runs, or quoted patterns.",
    ),
]  # fmt: skip
Reference = Annotated[
    str | None, typer.Option(help="Row to test against; by default plain joint training.")
]
Mix = Annotated[bool, typer.Option("--mix", help="One table even where protocols differ.")]


@app.command("compare")
def compare_command(
    runs: Runs,
    form: Annotated[TableFormat, typer.Option("--format", help="Of the tables.")] = (
        TableFormat.terminal
    ),
    output: Annotated[Path | None, typer.Option(help="Write to this file instead.")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Every column.")] = False,
    reference: Reference = None,
    mix: Mix = False,
    published: Annotated[
        bool, typer.Option("--published", help="Published numbers, comparable or not and why.")
    ] = False,
) -> None:
    """Put many runs into tables: means over seeds, paired tests, what is missing.

    Runs share a table where they share a protocol, and a row where they differ
    by their seed alone.
    """
    from fusion_sched.analysis import compare as compare_runs
    from fusion_sched.analysis import render
    from fusion_sched.runtime.files import atomic_write

    comparison = compare_runs(runs, reference=reference, mix=mix, published=published)
    text = render(comparison, form, wide, console.width)
    if output is not None:
        with atomic_write(output) as file:
            file.write(f"{text}\n".encode(errors="replace"))
    else:
        console.print(text, highlight=False, soft_wrap=True, markup=False)
    if form is TableFormat.csv:  # has no place for them
        table_notes = [note for table in comparison.tables for note in table.notes]
        for note in (*table_notes, *comparison.notes):
            errors.print(f"[yellow]note:[/] {escape(note)}")


@app.command("report")
def report_command(
    runs: Runs,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    reference: Reference = None,
    mix: Mix = False,
    figures: Annotated[
        Path | None, typer.Option(help="Also draw figures for a paper into this folder.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page anew until all runs have ended.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks, with --watch.")
    ] = 2.0,
) -> None:
    """Put runs on one page that opens from disk: stages, bits, decisions, errors, cost.

    A run that still goes on is shown up to its last line; with --watch the
    page follows it.
    """
    from fusion_sched import report as pages

    if watch:
        notes = pages.follow(
            runs,
            output,
            every_seconds=every,
            show=_print_line,
            title=title,
            reference=reference,
            mix=mix,
        )
    else:
        notes = pages.write_report(runs, output, title=title, reference=reference, mix=mix)
    for note in notes:  # also what figures leave out
        errors.print(f"[yellow]note:[/] {escape(note)}")
    if not watch:
        _print_line(f"report: {output}")
    if figures is not None:
        drawn = pages.figures_of(runs, figures)
        _print_lines([f"figure: {file}" for file in drawn.files])


Run = Annotated[Path, typer.Argument(help="Folder of a run that has ended, or its model/.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="A class of your own that the model may name, as package.Name."),
]


@app.command("predict")
def predict_command(
    run: Run,
    data: Annotated[str, typer.Argument(help="New samples, as dataset.root of training.")],
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet.")],
    embeddings: Annotated[
        Path | None, typer.Option(help="Also write each modality's embeddings to this .npz.")
    ] = None,
    allow: Allow = None,
) -> None:
    """Predict new samples by a trained model: labels, probabilities, labels by modality.

    Labels are not needed. A modality that a sample lacks is replaced by its
    mean embedding over training, and that is said.
    """
    from fusion_sched.commands.predict import write_predictions

    _print_lines(write_predictions(run, data, out, embeddings, allow or []))


@app.command("evaluate")
def evaluate_command(
    run: Run,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; test by default.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Other labelled samples, as dataset.root of training.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    allow: Allow = None,
) -> None:
    """Score a trained model on a split of its data, or on other data with labels."""
    from fusion_sched.commands.evaluate import print_scores

    for part in print_scores(run, split, data, as_json, allow or []):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str), markup=False)


class ModelFormat(StrEnum):
    """How a trained network is exported."""

    onnx = "onnx"
    torch = "torch"
    safetensors = "safetensors"


@app.command("export")
def export_command(
    run: Run,
    form: Annotated[ModelFormat, typer.Option("--format", help="Of the network.")],
    out: Annotated[Path | None, typer.Option(help="Folder; by default RUN/export.")] = None,
    allow: Allow = None,
) -> None:
    """Write a trained network as ONNX, as a program of torch.export, or as its weights.

    ONNX and programs take batches of any size; their answers are compared with
    the network's before the command ends.
    """
    from fusion_sched.commands.export import export_model

    _print_lines(export_model(run, form, out, allow or []))


@app.command("diagnose")
def diagnose_command(
    run: Run,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    allow: Allow = None,
) -> None:
    """Diagnose a trained model by its run's own probe: what its embeddings share with the label."""
    from fusion_sched.commands.diagnose import diagnose_split

    for part in diagnose_split(run, split, as_json, allow or []):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str), markup=False)


@app.command("pid")
def pid_command(
    file: Annotated[Path, typer.Argument(help="FILE.csv, .parquet, .npz, .npy or .pt")],
    target: Annotated[str, typer.Option(help="Array or column that holds the label.")] = "y",
    columns: Annotated[
        str, typer.Option(help="Modalities, separated by commas; all others by default.")
    ] = "",
    modality: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.npy, or NAME=PATTERN: columns that make one modality."),
    ] = None,
    group: Annotated[str, typer.Option(help="Array or column of what samples share.")] = "",
    pairs: Annotated[
        str, typer.Option(help="all, or a/b,c/d: these pairs of modalities in one table.")
    ] = "",
    pointwise: Annotated[
        Path | None, typer.Option(help="Write the part of each sample to this .csv or .parquet.")
    ] = None,
    samples: Annotated[
        str, typer.Option(help="At most N measured samples, chosen at random, or all.")
    ] = "20000",
    probe: Annotated[
        str, typer.Option(help="posterior, or kmeans: tables, embeddings in clusters.")
    ] = "posterior",
    clusters: Annotated[str, typer.Option(help="Of k-means, per modality: auto or N.")] = "auto",
    bias: Annotated[
        str, typer.Option(help="Of tables: grassberger, miller_madow, shuffle or none.")
    ] = "grassberger",
    resamples: Annotated[int, typer.Option(help="Of tables: draws behind the intervals.")] = 100,
    shuffles: Annotated[int, typer.Option(help="Of tables: permutations behind p-values.")] = 20,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Decompose the information in your own arrays, with error bars.

    A file holds the label y and one array or column per modality. Floats are
    measurements: cross-fitted posteriors of the label are fitted to them.
    Integers and strings are symbols: their table with the label is estimated.
    An .npz may hold a joint distribution p (n1, n2, ny) instead, which is
    decomposed exactly. An .npy holds the label, and --modality the others.
    """
    from fusion_sched.commands import pid as inspection
    from fusion_sched.probe import KMeansProbe
    from fusion_sched.runtime.files import naming

    tables = KMeansProbe(
        clusters=int(clusters) if clusters.isdecimal() else clusters, bias=bias,
        resamples=resamples, shuffles=shuffles, seed=seed,
    )  # fmt: skip
    if samples != "all" and not samples.isdecimal():
        raise ValueError(f"--samples is {samples!r}, expected a number or all")
    with naming(file):
        parts = inspection.inspect_file(
            file, target, [c.strip() for c in columns.split(",") if c.strip()], as_json,
            group=group, added=modality or [], pairs=pairs, pointwise=pointwise, probe=probe,
            samples=None if samples == "all" else int(samples), tables=tables,
        )  # fmt: skip
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, str), markup=False)


data = typer.Typer(
    help="Check, prepare, imitate or fetch a dataset that lies on disk.", no_args_is_help=True
)
app.add_typer(data, name="data")

Name = Annotated[str, typer.Argument(help="The dataset, as in dataset=NAME.")]
Root = Annotated[
    Path | None, typer.Option(help="Folder it lies in; by default that of dataset.root.")
]
DatasetOverrides = Annotated[
    list[str] | None, typer.Argument(help="Settings, as in dataset.split=actor.")
]


@data.command("check")
def data_check_command(
    name: Name,
    overrides: DatasetOverrides = None,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare prepared data with the files, value by value.")
    ] = False,
) -> None:
    """Read every file as training would; exit 1 if training would refuse.

    Counts clips against the known ones, and names what is missing, unreadable,
    silent, too short, stereo, in two splits or twice on a list.
    """
    from fusion_sched.commands import data as data_commands

    parts, fatal = data_commands.check(name, root, overrides or [], as_json, deep)
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, str), markup=False)
    if fatal:
        raise typer.Exit(FAILED)


@data.command("prepare")
def data_prepare_command(
    name: Name,
    overrides: DatasetOverrides = None,
    root: Root = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that decode; all cores by default.")
    ] = None,
) -> None:
    """Decode every clip once into a memory-mapped store, as training would.

    Interrupted, it goes on where it was.
    """
    from fusion_sched.commands import data as data_commands

    _print_lines(data_commands.prepare(name, root, overrides or [], workers))


@data.command("sample")
def data_sample_command(
    name: Name,
    out: Annotated[Path, typer.Option(help="New folder to write to.")],
    clips: Annotated[int, typer.Option(min=1, help="Number of clips.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    strength: Annotated[
        str, typer.Option(help="How well modalities show the class: audio=0.9,visual=0.5")
    ] = "",
) -> None:
    """Write a small generated dataset in the layout of the real one, to try everything on.

    Real files of the real formats, with sounds and drawings that show the
    class. Strength 0 shows nothing, 1 always, 0.8 unless said.
    """
    from fusion_sched.commands import data as data_commands
    from fusion_sched.data.samples.spec import SampleSpec

    spec = SampleSpec(clips, seed, data_commands.parse_strength(strength))
    _print_lines(data_commands.sample(name, out, spec))


@data.command("fetch")
def data_fetch_command(name: Name, root: Root = None) -> None:
    """Download a dataset where its licence and source allow that, or say how to get it."""
    from fusion_sched.commands import data as data_commands

    _print_lines(data_commands.fetch(name, root))


class Shell(StrEnum):
    """Shells that can complete, and `query`, by which they ask."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    query = "query"


@app.command("completion")
def completion_command(
    shell: Annotated[Shell, typer.Argument(help="Whose script to print.")],
    line: Annotated[str, typer.Argument(hidden=True)] = "",
) -> None:
    """Print the script that lets a shell complete: commands, groups, choices, keys, options.

    For bash: [bold]eval "$(fusion-sched completion bash)"[/], in ~/.bashrc to keep it.
    """
    from fusion_sched.commands.completion import SCRIPTS, candidates

    if shell is Shell.query:
        commands = typer.main.get_group(app)
        print("\n".join(candidates(line, commands)))
    else:
        print(SCRIPTS[shell], end="")


@app.command("schema")
def schema_command() -> None:
    """Print a JSON schema of the configuration, for editors that complete and check yaml."""
    import json

    from fusion_sched.commands.json_schema import experiment_schema

    print(json.dumps(experiment_schema(), indent=1))


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        _print_line(line)


def _print_line(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
