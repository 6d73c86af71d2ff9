"""Scaling of the gradients inside encoders that compute in float16."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

GROWTH_STEPS = 2000
"""Steps without an overflow after which the scale is doubled, as in `torch.amp.GradScaler`."""


class LossScale:
    """Keeps small gradients from vanishing in float16 (Micikevicius et al., ICLR 2018).

    A gradient is multiplied by `scale` where it enters an encoder from above and divided by it
    where it reaches a parameter, so that everything outside of encoders sees true gradients.
    """

    def __init__(self) -> None:
        self.scale, self.steps = 2.0**16, 0

    def attach(self, encoder: nn.Module) -> None:
        """Divide every gradient that reaches a parameter of this encoder, once and for all."""
        for parameter in encoder.parameters():
            # Typed in no release of torch so far.
            parameter.register_hook(self._divided)  # type: ignore[no-untyped-call]

    def embedding(self, values: Tensor) -> Tensor:
        """Return an encoder's output in float32, its gradient multiplied on the way in."""
        values = values.float()
        if values.requires_grad:
            values.register_hook(self._multiplied)  # type: ignore[no-untyped-call]
        return values.view_as(values)  # a gradient with respect to this one is the true one

    def _divided(self, gradient: Tensor) -> Tensor:
        return gradient / self.scale

    def _multiplied(self, gradient: Tensor) -> Tensor:
        return gradient * self.scale

    def adapt(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Say whether all gradients are finite; halve the scale where not, double it at times."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        finite = bool(torch.stack([g.isfinite().all() for g in gradients]).all())  # a device sync
        self.steps = self.steps + 1 if finite else 0
        if not finite:
            self.scale /= 2
        elif self.steps == GROWTH_STEPS:
            self.scale, self.steps = 2 * self.scale, 0
        return finite

    def state_dict(self) -> dict[str, float]:
        return {"scale": self.scale, "steps": self.steps}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.scale, self.steps = state["scale"], int(state["steps"])
