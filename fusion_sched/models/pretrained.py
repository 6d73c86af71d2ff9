"""A pretrained network of the package `transformers` as an encoder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from fusion_sched.models.encoders import check_sizes
from fusion_sched.models.text import masked_mean
from fusion_sched.runtime.files import json_digest
from fusion_sched.types import IMAGENET_MEAN, IMAGENET_STD

INPUTS = {
    "pixel_values": "(channels, height, width) of a picture, or (frames, channels, height, width)",
    "input_ids": "(2, length): ids and mask of the network's tokenizer; set dataset.tokenizer",
    "input_values": "(1, samples) of a wave, kind=wave, or (1, bands, frames) of a spectrogram",
}
"""What a network calls its input → the shapes that an encoder of it takes."""
DIMENSIONS = {"pixel_values": (3, 4), "input_ids": (2,), "input_values": (2, 3)}
POOLS = ("mean", "first")
EVERY_LAYER = -1
NOT_USED = ("pooler.", "masked_spec_embed")
"""Beginnings of the names of weights that no feature depends on."""


class Pretrained(nn.Module):
    """A pretrained network, its last hidden states pooled, and one linear layer.

    The network is any that `transformers.AutoModel` loads from safetensors and that takes one of
    `INPUTS`. It is frozen and in evaluation mode but for its last layers. Frames of a clip are
    encoded one by one and their features averaged.

    Parameters
    ----------
    shape : of one sample
    model : name, or local folder; empty where `config` is given
    embedding : size of the output
    unfrozen : how many of the last layers train; 0: none, -1: the whole network
    pool : `"mean"` of the states (of text, over its tokens), or the `"first"` one
    rescale : take pictures as normalised by ImageNet's moments and give the network those of its
        own preprocessor; give half of a spectrogram, which has the deviation 1
    config : configuration of a network whose weights are loaded later, as in a saved model
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        model: str = "",
        *,
        embedding: int = 64,
        unfrozen: int = 0,
        pool: str = "mean",
        rescale: bool = True,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_sizes(embedding, [])
        if pool not in POOLS:
            raise ValueError(f"pool is {pool!r}, expected one of {list(POOLS)}")
        self.name, self.pool, self.unfrozen = model or "the saved network", pool, unfrozen
        self.network = _load_network(model) if config is None else _empty_network(config)
        self.input_name = _check_input(self.name, self.network, shape)
        scale, shift = torch.ones(()), torch.zeros(())
        if rescale:
            scale, shift = _scaling(self.input_name, shape, model if config is None else "")
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self.trained_layers()  # raises now where there are too few
        self.project = nn.Linear(self._feature_size(shape), embedding)
        self.requires_grad_(True)

    @property
    def frozen(self) -> bool:
        """Whether no part of the network trains, so that a sample always has the same features."""
        return self.unfrozen == 0

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs `(B, *shape)`, or their features `(B, size)`, to `(B, embedding)`."""
        out: Tensor = self.project(x if x.ndim == 2 else self.features(x))
        return out

    def features(self, x: Tensor) -> Tensor:
        """Return the pooled states `(B, size)` of inputs `(B, *shape)`."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            if self.input_name == "input_ids":
                ids, mask = x.long().unbind(dim=1)
                states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
                return masked_mean(states, mask != 0) if self.pool == "mean" else states[:, 0]
            scaled = x.float() * self.scale + self.shift
            if self.input_name == "input_values":
                prepared = scaled[:, 0].transpose(1, 2) if x.ndim == 4 else scaled[:, 0]
                return self._pooled(self.network(input_values=prepared).last_hidden_state)
            pictures = scaled.flatten(0, 1) if x.ndim == 5 else scaled
            pooled = self._pooled(self.network(pixel_values=pictures).last_hidden_state)
            return pooled.view(*x.shape[:2], -1).mean(dim=1) if x.ndim == 5 else pooled

    def _pooled(self, states: Tensor) -> Tensor:
        """Pool states `(B, positions, size)`, or a convolution's `(B, size, height, width)`."""
        sequence = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states
        return sequence.mean(dim=1) if self.pool == "mean" else sequence[:, 0]

    def trained_layers(self) -> list[nn.Module]:
        """Return the layers that train; with `EVERY_LAYER` the whole network is one.

        Raises
        ------
        ValueError
            The network has fewer layers than are to train.
        """
        if self.unfrozen in (0, EVERY_LAYER):
            return [self.network] if self.unfrozen else []
        depth = getattr(self.network.config, "num_hidden_layers", 0)
        lists = [
            list(module) for module in self.network.modules()
            if isinstance(module, nn.ModuleList) and len(module) == depth
        ]  # fmt: skip
        layers = lists[-1] if lists else []  # a convolution before the layers may have as many
        if not 0 < self.unfrozen <= len(layers):
            raise ValueError(
                f"unfrozen is {self.unfrozen}, but {self.name} has {len(layers)} layers; expected "
                f"0 to {len(layers)}, or {EVERY_LAYER} to train the whole network"
            )
        return layers[-self.unfrozen :]

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let the projection and the trained layers want gradients, or not; the rest never does."""
        super().requires_grad_(requires_grad)
        trained = {id(p) for layer in self.trained_layers() for p in layer.parameters()}
        for parameter in self.network.parameters():
            parameter.requires_grad = requires_grad and id(parameter) in trained
        return self

    def train(self, mode: bool = True) -> Self:
        """Put the projection and the trained layers into this mode; the rest only evaluates."""
        super().train(mode)
        self.network.eval()
        for layer in self.trained_layers():
            layer.train(mode)
        return self

    def saved_arguments(self) -> dict[str, Any]:
        """Arguments in place of the configured ones, for a model that lies with its weights."""
        fields = json.loads(self.network.config.to_json_string(use_diff=False))
        names = ("id2label", "label2id", "auto_map")
        kept = {k: v for k, v in fields.items() if not k.startswith("_") and k not in names}
        return {"model": "", "config": kept}

    def digest(self) -> str:
        """Return 16 digits of a SHA-256 over all that the features of an input depend on."""
        hashed = hashlib.sha256(json_digest([self.pool, self.saved_arguments()]).encode())
        tensors = {**self.network.state_dict(), "scale": self.scale, "shift": self.shift}
        for name, values in sorted(tensors.items()):
            hashed.update(f"{name}{tuple(values.shape)}{values.dtype}".encode())
            hashed.update(values.detach().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()[:16]

    @torch.no_grad()
    def _feature_size(self, shape: Sequence[int]) -> int:
        """Run one blank sample; say where the network does not take its shape."""
        self.network.eval()
        try:
            return self.features(torch.zeros(1, *shape)).shape[1]
        except (ValueError, RuntimeError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{self.name} cannot encode a sample of shape {tuple(shape)}: {error}; bring the "
                "dataset's settings to what the network was trained on, such as dataset.size"
            ) from error


def _check_input(name: str, network: Any, shape: Sequence[int]) -> str:
    """Return what the network calls its input; raise where it is no input of this shape."""
    input_name = str(network.main_input_name)
    if input_name not in INPUTS:
        raise ValueError(
            f"{name} takes {input_name}, expected a network that takes one of {list(INPUTS)}"
        )
    pairs = input_name != "input_ids" or shape[0] == 2
    channel = input_name != "input_values" or shape[0] == 1
    if len(shape) not in DIMENSIONS[input_name] or not pairs or not channel:
        raise ValueError(
            f"{name} takes {input_name} but got input of shape {tuple(shape)}, expected "
            f"{INPUTS[input_name]}"
        )
    return input_name


def _load_network(model: str) -> Any:
    """Load a network by name or from a local folder, in single precision; nothing is unpickled."""
    auto_model, _ = _transformers()
    if not model:
        raise ValueError("model is empty, expected a name or local folder that transformers loads")
    try:
        network, report = auto_model.from_pretrained(
            model, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"the network {model!r} could not be fetched or read: {error}; give a local folder "
            "that holds it, with its weights as model.safetensors"
        ) from error
    absent = sorted(name for name in report["missing_keys"] if not name.startswith(NOT_USED))
    if absent:
        raise ValueError(
            f"the network {model!r} has no weights for {absent[:5]}, {len(absent)} in all; "
            "expected all that its configuration names: give the folder of the right network"
        )
    for name, parameter in network.named_parameters():
        if name in report["missing_keys"]:  # drawn at random: else no two runs have the same ones
            nn.init.zeros_(parameter)
    return network.float()


def _empty_network(config: Mapping[str, Any]) -> Any:
    """Make the network of a configuration; its weights are to be loaded."""
    auto_model, auto_config = _transformers()
    try:
        settings = auto_config.for_model(**config)
        return auto_model.from_config(settings, trust_remote_code=False).float()
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"transformers cannot make the saved network of type {config.get('model_type')!r}: "
            f"{error}; install the version of transformers that it was saved with"
        ) from error


def _transformers() -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise ValueError(
            "a pretrained network needs the package transformers, which is not installed; "
            'pip install "fusion-sched[pretrained]"'
        ) from error
    return AutoModel, AutoConfig


def _scaling(input_name: str, shape: Sequence[int], model: str) -> tuple[Tensor, Tensor]:
    """Return factor and summand that turn the dataset's values into what the network expects.

    Those of a saved network come with its weights.
    """
    if input_name == "input_values" and len(shape) == 3:
        return torch.tensor(0.5), torch.zeros(())
    if input_name != "pixel_values" or shape[-3] != 3:
        return torch.ones(()), torch.zeros(())
    given = _preprocessor(model)
    none = given.get("do_normalize") is False
    mean = (0.0, 0.0, 0.0) if none else given.get("image_mean", IMAGENET_MEAN)
    deviation = (1.0, 1.0, 1.0) if none else given.get("image_std", IMAGENET_STD)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (mean, deviation))
    ours, spread = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return spread / deviation, (ours - mean) / deviation


def _preprocessor(model: str) -> dict[str, Any]:
    """Return the settings of the model's preprocessor; nothing where it has none."""
    from transformers.utils.hub import cached_file

    if not model:
        return {}
    path = cast(Any, cached_file)(
        model, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False
    )
    fields: dict[str, Any] = {} if path is None else json.loads(Path(path).read_bytes())
    return fields
