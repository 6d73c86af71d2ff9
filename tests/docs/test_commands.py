"""Every command of the documentation, followed page by page as a reader would."""

from pathlib import Path

import pytest

from tests.docs.documents import EXPERIMENTS, PAGES, ROOT, Step, steps_of
from tests.docs.rules import RULES, rule_for, words_of
from tests.docs.world import Reader

DOCUMENTS = {path.relative_to(ROOT).as_posix(): path for path in (*PAGES, *EXPERIMENTS)}
STEPS = {name: steps_of(path) for name, path in DOCUMENTS.items()}
WITH_COMMANDS = [name for name, steps in STEPS.items() if steps]


@pytest.mark.slow
@pytest.mark.timeout(0)  # a page may have any number of commands
@pytest.mark.parametrize("document", WITH_COMMANDS)
def test_everything_on_the_page_works(document: str, reader: Reader) -> None:
    steps = STEPS[document]
    writes = any(step.content is not None for step in steps)
    reader.world.enter(own=Path(document).stem if writes else "")
    failures = []
    for step in steps:
        if not writes and step.text in reader.world.done:
            continue
        try:
            take(step, reader)
        except (Exception, SystemExit) as error:  # whatever it is, it is a fault of the page
            failures.append(f"{step.place}: `{step.text}`\n  {type(error).__name__}: {error}")
        else:
            reader.world.done |= set() if writes else {step.text}
    assert not failures, "\n".join(failures)


def take(step: Step, reader: Reader) -> None:
    """Write the file, or follow the command by its rule."""
    if step.content is None:
        rule_for(step.text).follow(reader, words_of(step.text))
    else:
        path = reader.world.folder / step.text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.content, encoding="utf-8")


def test_every_rule_is_of_use_and_names_what_is_there() -> None:
    commands = [s.text for steps in STEPS.values() for s in steps if s.content is None]
    used = {rule_for(command).name for command in commands}
    idle = [rule.name for rule in RULES if rule.name not in used]
    assert not idle, f"no command of the documentation needs these rules, remove them: {idle}"
    missing = [rule.where for rule in RULES if rule.where and not (ROOT / rule.where).is_file()]
    assert not missing
