"""Networks of the package transformers, small and with random weights, saved as published ones."""

from pathlib import Path
from typing import Any

import pytest
import torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "pie", "best", "easy", "recipe"]
SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}


def _transformers() -> Any:
    return pytest.importorskip("transformers", reason="needs the extra `pretrained`")


def _saved(network: Any, folder: Path) -> Path:
    for name, parameter in network.named_parameters():  # in full size, so that inputs tell apart
        if name.endswith("weight") and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    return folder


def save_vit(folder: Path, layers: int = 3, size: int = 8) -> Path:
    """Takes pictures (3, size, size)."""
    transformers = _transformers()
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=size, patch_size=4, num_hidden_layers=layers, hidden_dropout_prob=0.5, **SMALL
    )
    return _saved(transformers.ViTModel(config), folder)


def save_bert(folder: Path) -> Path:
    """Takes up to 64 tokens; its tokenizer is saved with it."""
    transformers = _transformers()
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), num_hidden_layers=2, max_position_embeddings=64, **SMALL
    )
    return _saved(transformers.BertModel(config), folder)


def save_wav2vec2(folder: Path) -> Path:
    """Takes waves (1, samples)."""
    transformers = _transformers()
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        num_hidden_layers=2, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3),
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, **SMALL,
    )  # fmt: skip
    return _saved(transformers.Wav2Vec2Model(config), folder)


def save_ast(folder: Path) -> Path:
    """Takes spectrograms (1, 8, 12)."""
    transformers = _transformers()
    torch.manual_seed(0)
    config = transformers.ASTConfig(
        num_hidden_layers=1, patch_size=4, num_mel_bins=8, max_length=12, frequency_stride=4,
        time_stride=4, **SMALL,
    )  # fmt: skip
    return _saved(transformers.ASTModel(config), folder)
