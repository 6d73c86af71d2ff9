"""Learning rate, weight decay and the like of one modality's encoder and head."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from fusion_sched.models.network import MultimodalNetwork

OwnValues = Mapping[str, Mapping[str, float]]
"""Modality → values in place of the optimizer's: `lr`, `weight_decay` and others it has."""


def parameter_groups(
    model: MultimodalNetwork, own: OwnValues
) -> Iterable[nn.Parameter] | list[dict[str, Any]]:
    """Return what an optimizer is built with: all parameters, or a group for each of `own` last."""
    if not own:
        return model.parameters()
    parameters = {m: [*model.encoders[m].parameters(), *model.heads[m].parameters()] for m in own}
    of_a_group = {parameter for group in parameters.values() for parameter in group}
    others = [p for p in model.parameters() if p not in of_a_group]
    groups: list[dict[str, Any]] = [{"params": parameters[m], **own[m]} for m in own]
    return [{"params": others}, *groups]


def check_own_values(own: OwnValues, modalities: Iterable[str], optimizer: Optimizer) -> None:
    """Raise where a modality or a value is not known; torch takes any key without a word."""
    names = list(modalities)
    for modality, values in own.items():
        if modality not in names:
            raise ValueError(
                f"modality_optimizers names {modality!r}, but the dataset's modalities are {names}"
            )
        unknown = sorted(set(values) - set(optimizer.defaults))
        if unknown:
            raise ValueError(
                f"modality_optimizers.{modality} has {unknown}, expected some of "
                f"{sorted(optimizer.defaults)}, the values of {type(optimizer).__name__}"
            )
        for key, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(
                    f"modality_optimizers.{modality}.{key} is {value!r}, expected a number of at "
                    "least 0"
                )
