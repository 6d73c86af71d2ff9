"""From the folder of a saved model to its network; targets are checked as those of a run."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from fusion_sched.config.build import Modules, build_model, check_names
from fusion_sched.config.instantiate import make
from fusion_sched.config.targets import check_targets
from fusion_sched.data.arrays import Arrays
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.saved import (
    DESCRIPTION_FILE,
    MEAN,
    MODEL_DIR,
    WEIGHTS_FILE,
    SavedModel,
    read_model,
)
from fusion_sched.runtime.files import naming
from fusion_sched.types import InputFormat, ReadsNew


@dataclass(frozen=True)
class LoadedModel:
    """A trained network in evaluation mode, on the CPU.

    `means`: modality → mean embedding `(size,)` of training; `saved` is what the files hold.
    """

    network: MultimodalNetwork
    inputs: InputFormat
    means: dict[str, Tensor]
    saved: SavedModel
    folder: Path

    def reader(self, data: str) -> ReadsNew:
        """Return what reads `data`: the model's own dataset, or else arrays of the inputs.

        The network's inputs are ready-made where the dataset reads no new samples.
        """
        node = self.saved.description.get("dataset") or {}
        if hasattr(get_object(node["_target_"]) if "_target_" in node else None, "read_new"):
            cfg = OmegaConf.create({"dataset": {**node, "root": data}})
            return cast(ReadsNew, make(cfg, "dataset"))
        return Arrays(root=data, layout="channels_first")


def load_model(
    folder: Path, allowed: Collection[str] = (), encoders: Modules | None = None
) -> LoadedModel:
    """Build the network that a run's folder, or its folder `model`, describes; no pickle is read.

    `encoders`: modality → module, of those that were given as modules.

    Raises
    ------
    FileNotFoundError
        The run has not ended, or it is no run.
    ValueError
        A damaged file, a class that is neither known nor allowed, or weights that do not fit.
    """
    place = folder if (folder / DESCRIPTION_FILE).is_file() else folder / MODEL_DIR
    saved = read_model(place)
    cfg = _architecture(saved.description, place / DESCRIPTION_FILE, allowed)
    inputs = _input_format(saved.description, place / DESCRIPTION_FILE)
    with naming(place / DESCRIPTION_FILE):
        network = _network(cfg, inputs, encoders)
    weights = {n: t for n, t in saved.tensors.items() if not n.startswith(MEAN)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{place / WEIGHTS_FILE} does not fit the network of {DESCRIPTION_FILE}: {error}"
        ) from error
    means = {n.removeprefix(MEAN): t for n, t in saved.tensors.items() if n.startswith(MEAN)}
    return LoadedModel(network.eval(), inputs, means, saved, place)


def _network(cfg: DictConfig, inputs: InputFormat, encoders: Modules | None) -> MultimodalNetwork:
    """Return the network; its initial weights are drawn, and then replaced."""
    state = torch.get_rng_state()
    try:
        return build_model(cfg, inputs.shapes, len(inputs.classes), encoders)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(f"its architecture cannot be built: {error}") from error
    finally:
        torch.set_rng_state(state)


def _architecture(
    description: dict[str, Any], origin: Path, allowed: Collection[str]
) -> DictConfig:
    """Return the configuration of the network, whose targets are known."""
    nodes = {**description["architecture"], "dataset": description.get("dataset") or {}}
    cfg = OmegaConf.create(nodes)
    absent = [key for key in ("encoder", "fusion") if not isinstance(cfg.get(key), DictConfig)]
    if absent:
        raise ValueError(f"{origin}: the architecture lacks {absent}; bring the right file back")
    check_targets(cfg, origin, allowed)
    return cfg


def _input_format(description: dict[str, Any], origin: Path) -> InputFormat:
    modalities = description["modalities"]
    try:
        shapes = {m: tuple(map(int, of["shape"])) for m, of in modalities.items()}
        dtypes = {m: str(of["dtype"]) for m, of in modalities.items()}
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{origin}: modalities is {modalities!r}, expected a shape and a dtype for each name"
        ) from error
    sizes = [n for m in modalities for n in (*shapes[m], isinstance(modalities[m]["shape"], list))]
    if not shapes or min(sizes) < 1 or len(description["classes"]) < 2:
        raise ValueError(
            f"{origin}: modalities is {modalities!r} and classes is {description['classes']!r}, "
            "expected shapes of sizes of at least 1, and two classes or more"
        )
    unknown = {m: d for m, d in dtypes.items() if not isinstance(getattr(torch, d, 0), torch.dtype)}
    if unknown:
        raise ValueError(f"{origin} names dtypes {unknown}, expected those of torch")
    check_names(shapes)
    return InputFormat(
        shapes, dtypes, tuple(description["classes"]), dict(description["preprocessing"])
    )
