"""An exponential moving average of the weights, which is what is evaluated and deployed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime.distributed import Processes


class WeightAverage:
    """θ̄ ← `decay` θ̄ + (1 - `decay`) θ after each step, of parameters and BatchNorm's statistics.

    The network holds θ̄ but for the epochs of training, in which it holds θ. Only what trains is
    averaged: a paused modality stays as it is. `others` holds what the network does not, and is
    `None` where both are the same: before the first epoch and after weights were restored.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.others: dict[str, Tensor] | None = None

    @contextmanager
    def training_weights(self, model: MultimodalNetwork, processes: Processes) -> Iterator[None]:
        """Let the network hold θ for an epoch, and θ̄ again after it."""
        if self.others is not None:
            self._swap(model)
        yield
        assert self.others is not None, "an epoch begins with `start`"
        names = [name for name, _ in model.named_buffers() if name in self.others]
        processes.average_buffers(self.others[name] for name in names)
        self._swap(model)

    def start(self, model: MultimodalNetwork) -> None:
        """Begin an average from the present weights where there is none."""
        if self.others is None:
            self.others = {name: t.clone() for name, t in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: MultimodalNetwork) -> None:
        """Take a step's weights into the average."""
        assert self.others is not None, "an epoch begins with `start`"
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self.others[name].lerp_(parameter, 1 - self.decay)
        for prefix, module in model.named_modules():
            for name, buffer in module.named_buffers(prefix, recurse=False):
                if module.training and name in self.others:
                    average = self.others[name]
                    if buffer.is_floating_point():
                        average.lerp_(buffer, 1 - self.decay)
                    else:
                        average.copy_(buffer)

    def restart(self) -> None:
        """Go on from what the network holds: its weights were restored, or a stage begins."""
        self.others = None

    @torch.no_grad()
    def _swap(self, model: MultimodalNetwork) -> None:
        assert self.others is not None
        for name, tensor in model.state_dict().items():
            held = tensor.clone()
            tensor.copy_(self.others[name])
            self.others[name].copy_(held)
