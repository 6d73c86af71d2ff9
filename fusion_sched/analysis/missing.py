"""What a table lacks, in words: runs that have not ended, seeds and folds that are not there."""

from collections.abc import Iterable, Sequence

from fusion_sched.analysis.folds import fold_of
from fusion_sched.analysis.rows import ResultRow
from fusion_sched.runlog import Trace


def missing_notes(by_name: dict[str, list[Trace]], rows: Sequence[ResultRow]) -> list[str]:
    """Return what has not ended or is not there; rows and seeds that lack the same share one."""
    unended = [(n, run) for n, runs in by_name.items() for run in runs if run.result is None]
    notes = [unended_note(run, f" (row {name})") for name, run in unended]
    known = {row.name for row in rows}
    notes += [
        f"row {name} is left out: none of its {len(runs)} runs has ended"
        for name, runs in by_name.items()
        if name not in known
    ]
    absent: dict[str, list[str]] = {}
    for row in rows:
        begun = {run.start["seed"] for run in by_name[row.name]}
        seeds = [seed for seed in row.missing if seed not in begun]
        if seeds:
            absent.setdefault(_counted("seed", seeds), []).append(row.name)
    notes += [
        f"{_counted('row', names)} {'has' if len(names) == 1 else 'have'} no run of {seeds}, which "
        "other rows have"
        for seeds, names in absent.items()
    ]
    notes += _fold_notes(rows, unended)
    return [*notes, *(note for row in rows for note in _repeated_notes(row))]


def _fold_notes(rows: Sequence[ResultRow], unended: Sequence[tuple[str, Trace]]) -> list[str]:
    """Return which folds are missing, of which seeds of which rows."""
    begun = {(name, run.start["seed"], fold_of(run)) for name, run in unended}
    seeds_of: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        for seed in row.seeds if row.folds else ():
            folds = [
                f"{fold} (not ended)" if (row.name, seed, fold) in begun else str(fold)
                for of_seed, fold in row.missing_folds
                if of_seed == seed
            ]
            if folds:
                missing = f"{_counted('fold', folds)} of {row.folds} {_is(folds)} missing"
                seeds_of.setdefault((row.name, missing), []).append(seed)
    rows_of: dict[tuple[str, str], list[str]] = {}
    for (name, missing), seeds in seeds_of.items():
        rows_of.setdefault((_counted("seed", seeds), missing), []).append(name)
    return [
        f"{_counted('row', names)}, {seeds}: {missing}; accuracy is on the samples of the other "
        "folds"
        for (seeds, missing), names in rows_of.items()
    ]


def _repeated_notes(row: ResultRow) -> list[str]:
    """Return which seeds, or folds of a seed, have ended more than once."""
    places = [_seed_words(run) for run in row.runs]
    repeated = [place for place in dict.fromkeys(places) if places.count(place) > 1]
    return [f"row {row.name} has several runs of {place}: their mean counts" for place in repeated]


def unended_note(run: Trace, row: str = "") -> str:
    return f"{run.path.parent}{row}, {_seed_words(run)}, has not ended and is left out"


def _seed_words(run: Trace) -> str:
    fold = fold_of(run)
    return f"seed {run.start['seed']}" + ("" if fold is None else f", fold {fold}")


def _counted(noun: str, names: Iterable[object]) -> str:
    words = [str(name) for name in names]
    return f"{noun}{'s' * (len(words) > 1)} {', '.join(words)}"


def _is(names: Sequence[object]) -> str:
    return "is" if len(names) == 1 else "are"
