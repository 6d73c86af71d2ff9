"""Text as ids: words of any script, a vocabulary that is the same every time, a tokenizer's ids."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_sched.data.clips.text import (
    PretrainedTokens,
    Tokens,
    build_vocabulary,
    split_words,
)
from fusion_sched.data.clips.types import Clip, Modality
from fusion_sched.data.clips.views import draw_views


def titled(text: str) -> Clip:
    return Clip("a", 0, "train", {}, text={"text": text})


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers", reason="needs the extra `text`")
    out = tmp_path_factory.mktemp("tokenizer")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "pie", "##s", "best"]
    (out / "vocab.txt").write_text("\n".join(words))
    made = transformers.BertTokenizer(str(out / "vocab.txt"), model_max_length=16)
    made.save_pretrained(out)
    return out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Best Apple-Pie, 2nd try!", ["best", "apple", "pie", "2nd", "try"]),
        ("Grandma’s and Joe's", ["grandma’s", "and", "joe's"]),
        ("CRÈME brûlée cre\u0300me", ["crème", "brûlée", "crème"]),
        ("Борщ ВКУСНЫЙ｜寿司 ﬁsh", ["борщ", "вкусный", "寿司", "fish"]),
        ("snake_case 'quoted'", ["snake", "case", "quoted"]),
        ("?! … —", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_the_vocabulary_is_by_frequency_then_alphabet() -> None:
    texts = ["pie apple", "pie zebra", "Pie apple berry"]
    expected = ("pie", "apple", "berry", "zebra")
    assert build_vocabulary(texts, 100) == expected
    assert build_vocabulary(reversed(texts), 100) == expected
    assert build_vocabulary(texts, 5) == expected[:3], "two of five ids are padding and unknown"
    with pytest.raises(ValueError, match="vocabulary is 2 ids, expected at least 3"):
        build_vocabulary(texts, 2)
    with pytest.raises(ValueError, match="hold no word"):
        build_vocabulary(["…"], 5)


def test_ids_are_padded_cut_and_below_the_vocabularys_size() -> None:
    tokens = Tokens(vocabulary=build_vocabulary(["pie apple", "pie zebra"], 5), length=4)
    assert tokens.read(titled("Apple pie")).tolist() == [3, 2, 0, 0]
    assert tokens.read(titled("pie of the day pie")).tolist() == [2, 1, 1, 1]
    assert tokens.read(titled("…")).tolist() == [0, 0, 0, 0]
    assert max(tokens.ids.values()) < 5
    with pytest.raises(ValueError, match="length is 0"):
        Tokens(vocabulary=("a",), length=0)


def test_stored_values_become_inputs() -> None:
    tokens: Modality = Tokens(vocabulary=("pie",), length=4)
    read = tokens.read(titled("pie"))
    assert (read.dtype, read.shape) == (np.dtype(tokens.dtype), tokens.stored_shape)
    inputs = tokens.finish(torch.from_numpy(read)[None])
    assert inputs.dtype == torch.int64
    assert inputs.shape[1:] == tokens.shape
    views = draw_views(1, torch.Generator())
    assert torch.equal(tokens.augment(inputs, views), inputs)


def test_a_text_without_words_is_remarked_on() -> None:
    tokens = Tokens(vocabulary=("pie",))
    (issue,) = tokens.warnings(titled("?!"))
    assert (issue.kind, issue.fatal) == ("no words", False)
    assert not tokens.warnings(titled("pie"))


def test_the_vocabulary_is_part_of_the_stores_fingerprint() -> None:
    assert repr(Tokens(vocabulary=("a", "b"))) != repr(Tokens(vocabulary=("b", "a")))
    used = Tokens(vocabulary=("a", "b"))
    before = repr(used)
    used.read(titled("a"))
    assert repr(used) == before


def test_pretrained_ids_are_the_tokenizers_own(tokenizer: Path) -> None:
    tokens = PretrainedTokens(model=str(tokenizer), length=8)
    read = tokens.read(titled("Best apple pies"))
    # [CLS] best apple pie ##s [SEP]
    assert read.tolist() == [[2, 8, 5, 6, 7, 3, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]]
    assert (str(read.dtype), read.shape) == (tokens.dtype, tokens.stored_shape)
    inputs = tokens.finish(torch.from_numpy(read)[None])
    assert (inputs.dtype, inputs.shape) == (torch.int64, (1, 2, 8))
    short = PretrainedTokens(model=str(tokenizer), length=4).read(titled("best apple pies"))
    assert short.tolist() == [[2, 8, 5, 3], [1, 1, 1, 1]], "cut, with its end mark"


def test_a_tokenizer_that_cannot_be_used_is_named(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = PretrainedTokens(model=str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match=r"nothing' could not be fetched.*local folder"):
        missing.read(titled("pie"))
    with pytest.raises(ValueError, match="takes at most 16 tokens, but length is 17"):
        PretrainedTokens(model=str(tokenizer), length=17).read(titled("pie"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r'pip install "fusion-sched\[pretrained\]"'):
        PretrainedTokens(model=str(tokenizer)).read(titled("pie"))
