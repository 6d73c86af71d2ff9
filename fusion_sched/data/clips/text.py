"""Text as a modality: ids of words that training texts hold, or of a pretrained tokenizer."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.types import Clip, Issue, Views

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2

# Letters and digits of any script; an apostrophe inside a word belongs to it.
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def split_words(text: str) -> list[str]:
    """Return the text's words, lower-case, in Unicode's composed compatibility form (NFKC)."""
    return WORD.findall(unicodedata.normalize("NFKC", text).lower())


def build_vocabulary(texts: Iterable[str], size: int) -> tuple[str, ...]:
    """Return the words of the texts, the most frequent first, ties in alphabetical order.

    `size` counts ids: two of them are padding and unknown words, so at most `size - 2` words
    are returned. Pass training texts only.
    """
    if size <= FIRST_WORD:
        raise ValueError(
            f"vocabulary is {size} ids, expected at least {FIRST_WORD + 1}: padding, unknown words "
            "and one word"
        )
    counts = Counter(word for text in texts for word in split_words(text))
    if not counts:
        raise ValueError("the training texts hold no word, expected at least one; check the lists")
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return tuple(ordered[: size - FIRST_WORD])


class TextModality:
    """What both kinds of text share: ids, int32 in the store and int64 afterwards.

    The fields are left to the two dataclasses: their order is part of a store's fingerprint.
    """

    name: str
    length: int

    dtype: ClassVar[str] = "int32"
    jpeg: ClassVar[bool] = False
    augmented: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length is {self.length} words, expected at least 1")

    def warnings(self, clip: Clip) -> list[Issue]:
        """Say where a text has no word."""
        text = clip.text[self.name]
        if split_words(text):
            return []
        message = f"{self.name} of {clip.id} is {text!r}, without a word; it becomes padding only"
        return [Issue("no words", clip.id, self.name, message, fatal=False)]

    def finish(self, values: Tensor) -> Tensor:
        return values.to(torch.int64)

    def augment(self, values: Tensor, views: Views) -> Tensor:
        return values


@dataclass(frozen=True, kw_only=True)
class Tokens(TextModality):
    """A text's words as ids `(length,)`: 0 padding at the end, 1 unknown, 2 … the vocabulary's.

    What is longer than `length` words is cut. A text without a word is all padding.
    """

    name: str = "text"
    vocabulary: tuple[str, ...]
    length: int = 40

    @property
    def shape(self) -> tuple[int, ...]:
        """(length,)."""
        return (self.length,)

    stored_shape = shape

    @cached_property
    def ids(self) -> dict[str, int]:
        """Word → id."""
        return {word: number for number, word in enumerate(self.vocabulary, start=FIRST_WORD)}

    def read(self, clip: Clip) -> np.ndarray:
        """Return the ids of the clip's text."""
        words = split_words(clip.text[self.name])[: self.length]
        ids = np.full(self.length, PADDING, dtype=np.int32)
        ids[: len(words)] = [self.ids.get(word, UNKNOWN) for word in words]
        return ids


@dataclass(frozen=True, kw_only=True)
class PretrainedTokens(TextModality):
    """A text as a pretrained tokenizer cuts it: ids and mask `(2, length)`, 1 where a token is.

    `model` is a name or a local folder that `transformers` loads; ids of other tokenizers, or
    of `Tokens`, mean nothing to the pretrained network. Goes with the encoder `Pretrained` of the
    same `model`. `serialized` is what `serialize` returned, for a tokenizer without its files.
    """

    name: str = "text"
    model: str
    length: int = 40
    serialized: str | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(2, length)."""
        return (2, self.length)

    stored_shape = shape

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, loaded once."""
        if self.serialized is not None:
            return _deserialized(self.serialized)
        tokenizer = load_tokenizer(self.model)
        if self.length > tokenizer.model_max_length:
            raise ValueError(
                f"the tokenizer of {self.model!r} takes at most {tokenizer.model_max_length} "
                f"tokens, but length is {self.length}; lower it"
            )
        return tokenizer

    def read(self, clip: Clip) -> np.ndarray:
        """Return ids and mask of the clip's text."""
        encoded = self.tokenizer(
            clip.text[self.name], truncation=True, padding="max_length", max_length=self.length
        )
        return np.array([encoded["input_ids"], encoded["attention_mask"]], dtype=np.int32)

    def serialize(self) -> str | None:
        """Return the tokenizer as JSON; `None` where it is not one of the package `tokenizers`."""
        if not self.tokenizer.is_fast:
            return None
        settings = {name: getattr(self.tokenizer, name) for name in TOKENIZER_SETTINGS}
        return json.dumps({"tokenizer": self.tokenizer.backend_tokenizer.to_str(), **settings})


TOKENIZER_SETTINGS = ("pad_token", "padding_side", "truncation_side", "model_max_length")


def _deserialized(text: str) -> Any:
    """Return the tokenizer that `PretrainedTokens.serialize` wrote."""
    transformers = _transformers()
    from tokenizers import Tokenizer

    try:
        settings = json.loads(text)
        backend = Tokenizer.from_str(settings.pop("tokenizer"))
        chosen = {name: settings[name] for name in TOKENIZER_SETTINGS}
    except (ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"the saved tokenizer cannot be read: {error}; bring the right model.json back"
        ) from error
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **chosen)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ValueError(
            "a pretrained tokenizer needs the package transformers, which is not installed; "
            'pip install "fusion-sched[pretrained]"'
        ) from error
    return transformers


def load_tokenizer(model: str) -> Any:
    """Return the tokenizer of a pretrained model, by name or from a local folder."""
    transformers = _transformers()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"the tokenizer of {model!r} could not be fetched or read: {error}; give a local "
            "folder that holds it"
        ) from error
    if tokenizer.pad_token is None:
        raise ValueError(
            f"the tokenizer of {model!r} has no token to pad with; take that of an encoder, such "
            "as bert-base-uncased"
        )
    return tokenizer
