"""The closing lines of a run that has ended."""

from rich.table import Table

from fusion_sched.report.live.lines import left_out_lines
from fusion_sched.report.readings import joint_model_words, readings_words, source_readings
from fusion_sched.report.records import ResultRecord
from fusion_sched.report.view import RunView
from fusion_sched.report.words import NOTHING
from fusion_sched.runlog import Trace, inside
from fusion_sched.runtime.text import signed
from fusion_sched.types import DEPLOYABLE, FUSED


def result_table(trace: Trace) -> Table:
    """Each modality alone and fused, on validation and test.

    Parameters
    ----------
    trace
        A finished run's.

    Returns
    -------
    rich.table.Table

    Raises
    ------
    ValueError
        The run has not ended.
    """
    result = _result_of(trace)
    selected = f"epoch {result.selected_epoch + 1} of {result.number}, selected on validation"
    deployed = RunView.of(trace).deployed
    title = selected if deployed is None else f"deployed: {deployed}"
    table = Table(title=title, title_justify="left", min_width=len(title))
    for title in ("", "validation", "test", "test macro-F1"):
        table.add_column(title, justify="right" if title else "left")
    for head in result.test or result.validation:
        validation, accuracy = result.validation.get(head), result.test.get(head)
        macro_f1 = result.macro_f1.get(head)
        table.add_row(
            head if deployed is None or head != FUSED else "deployed",
            NOTHING if validation is None else f"{validation:.1%}",
            NOTHING if accuracy is None else f"{accuracy:.1%}",
            NOTHING if macro_f1 is None else f"{macro_f1:.3f}",
        )
    return table


def caution_lines(trace: Trace) -> list[str]:
    """Notes on the data, and the cautions of the main diagnosis: what to know before any result.

    Parameters
    ----------
    trace
        A run's, also one that has not ended.

    Returns
    -------
    list of str
    """
    return [*_data_notes(trace), *(f"caution: {text}" for text in RunView.of(trace).cautions)]


def _data_notes(trace: Trace) -> list[str]:
    notes = inside(trace.start, "facts", "notes") or []
    return [*left_out_lines(trace.start), *(f"note: {text}" for text in notes)]


def diagnosis_lines(trace: Trace) -> list[str]:
    """Notes on the data; of the hand-over's diagnosis, its warnings and its readings in bits."""
    view = RunView.of(trace)
    notes = _data_notes(trace)
    probe = view.hand_over_probe
    if probe is None:
        return notes
    mark = "caution" if probe.cautions else "note"
    sentences = readings_words(source_readings(view, probe))
    model = joint_model_words(probe)
    return [
        *notes,
        *(f"{mark}: {text}" for text in probe.warnings),
        *(f"bits {view.hand_over_words}, {text}" for text in sentences),
        *([] if model is None else [model]),
    ]


def optimism_line(trace: Trace) -> str:
    """What older papers would have reported, and how much too good that is; or that none tests.

    Parameters
    ----------
    trace
        A finished run's.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        The run has not ended, or its trace lacks the best epoch on test.
    """
    result = _result_of(trace)
    if not result.test:
        return (
            "no test split: the accuracies are those on validation, on which the epoch was chosen"
        )
    best, epoch, gap = result.best_on_test, result.best_epoch, result.optimism_gap
    if best is None or epoch is None or gap is None:
        raise ValueError(f"{trace.path} does not hold the best epoch on test; train the run again")
    if RunView.of(trace).deployed not in (None, DEPLOYABLE[FUSED]):
        return (
            f"the fused head alone has {best:.1%} in its best epoch on test ({epoch + 1}): older "
            "papers report that, chosen with the test labels; it is not what is deployed"
        )
    return (
        f"best epoch on test: {best:.1%} (epoch {epoch + 1}) is what older "
        f"papers report; it was chosen with the test labels: optimism gap "
        f"{signed(100 * gap)} points"
    )


def _result_of(trace: Trace) -> ResultRecord:
    result = RunView.of(trace).result
    if result is None:
        raise ValueError(f"{trace.path} holds no result: the run has not ended")
    return result
