"""Help where people look for it: near matches in errors, all about a group in `--help GROUP`."""

from collections.abc import Callable

import pytest

from fusion_sched.commands.choices import groups_of, keys_of, summary_of
from fusion_sched.runtime.files import description_of
from tests.conftest import Answer, check_message

Command = Callable[..., Answer]

MISSPELT = [
    (["controler=pid"], ["'controler'", "controller=CHOICE", "pid_published"]),
    (["stage1.epoch=3"], ["'stage1.epoch'", "stage1.epochs=15", "takes at most"]),
    (["probe.evry=3"], ["'probe.evry'", "probe.every=1", "epochs between two diagnoses"]),
    (["controller=pid", "controller.treshold=3"], ["controller.threshold=2.0", "ratio of uniq"]),
    (["controller=pdi"], ["'controller/pdi'", "controller=pid  # pause a modality"]),
    (["+experiment=cremed"], ["+experiment=cremad  # CREMA-D"]),
    (["optimizer@stage1.optimizer=adam"], ["optimizer@stage1.optimizer=adamw  # AdamW"]),
    (["seedd=3"], ["seed=0"]),
]
ADDED = [
    (["+methd=pid"], ["methd is no key", "+method=CHOICE"]),
    (["+controler=pid"], ["controler is no key", "controller=VALUE"]),
    (["+stage1.epoch=3"], ["stage1.epoch is no key", "epochs"]),
]


@pytest.mark.parametrize(("arguments", "words"), MISSPELT, ids=str)
def test_a_misspelt_name_is_answered_by_the_nearest(
    command: Command, arguments: list[str], words: list[str]
) -> None:
    answer = command("train", *arguments)
    check_message(answer, 2, ["Did you mean", *words])
    assert "use +" not in answer.err
    assert "Config search path" not in answer.err


@pytest.mark.parametrize(("arguments", "words"), [
    (["stage1.epochs=two"], ["stage1.epochs is 'two', expected a whole number"]),
    (["ema_decay=much"], ["ema_decay is 'much', expected a number"]),
    (["seed=null"], ["seed is null, expected a value"]),
    (["stage1=3"], ["stage1 is 3", "stage1.KEY=VALUE"]),
    (["--epochs", "3"], ["--epochs is no option", "KEY=VALUE", "stage1.epochs=15"]),
    (["--zzz=3"], ["--zzz is no option", "--help"]),
], ids=str)  # fmt: skip
def test_a_wrong_value_or_option_is_a_plain_sentence(
    command: Command, arguments: list[str], words: list[str]
) -> None:
    answer = command("train", *arguments)
    check_message(answer, 2, words)
    for internal in ("full_key", "reference_type", "experimental-rerun"):
        assert internal not in answer.err


@pytest.mark.parametrize(("arguments", "words"), ADDED, ids=str)
def test_a_misspelt_name_is_not_added_in_silence(
    command: Command, arguments: list[str], words: list[str]
) -> None:
    check_message(command("train", *arguments), 1, words)


def test_a_name_that_nothing_resembles_may_be_added(command: Command) -> None:
    answer = command("train", "+width=7", "stage1.epochs=${width}", "--cfg", "job", "--resolve")
    assert answer.code == 0, answer.err
    assert "epochs: 7" in answer.out


def test_the_keys_of_a_group_are_named_where_none_is_near(command: Command) -> None:
    answer = command("train", "controller=pid", "controller.zzz=1")
    check_message(answer, 2, ["keys of controller with controller=pid", "floor_bits"])


def test_the_help_cuts_no_description(command: Command) -> None:
    shown = " ".join(command("train", "--help").out.split())
    for paths in groups_of().values():
        for path in paths:
            if path.parent.parent.name != "hydra":
                assert " ".join(summary_of(path).split()) in shown, path


@pytest.mark.parametrize("group", ["controller", "probe", "optimizer", "dataset"])
def test_the_help_of_a_group_has_every_choice_key_and_comment(command: Command, group: str) -> None:
    answer = command("train", "--help", group)
    assert answer.code == 0
    shown = "".join(answer.out.split())
    for path in groups_of()[group]:
        assert f"{group}={path.stem}" in answer.out
        for line in description_of(path):
            assert line in answer.out
        for key in keys_of(path):
            assert f".{key.name}" in answer.out
            assert "".join(key.default.split()) in shown
            assert "".join(word for word in key.what.split())[:12] in shown


def test_the_help_of_a_choice_a_key_and_a_method(command: Command) -> None:
    one = command("train", "--help", "controller=pid").out
    assert "controller.floor_bits" in one
    assert "controller=joint" not in one
    assert "validation" in command("train", "--help", "select").out
    assert "/balancer=ogm_ge" not in one
    assert "balancer=ogm_ge" in command("train", "--help", "+method=ogm_ge").out


def test_help_on_what_there_is_not_names_the_nearest(command: Command) -> None:
    assert "controller" in command("train", "--help", "contoller").err
    assert "controller=pid" in command("train", "--help", "controller=pdi").err
    assert command("train", "--help", "contoller").code == 2
