"""Balanced multi-modal learning: a modality that learns too fast is paused for some steps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_two
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, Outputs, StepOutput, losses_of


@dataclass(frozen=True)
class Greedy:
    """Balanced multi-modal learning (Wu et al., ICML 2022, and the authors' code).

    A regular step descends the fused loss and measures the speed of every encoder, the sum of
    |∇_m|² / |θ_m|² over all regular steps so far. If log10 of a modality's speed over the slowest
    one's is more than `alpha`, then the next `window` steps re-balance: the embedding of each
    such modality is held at its mean over all joint steps, so that the loss can only fall through
    the others; its encoder gets no gradient. The first joint epoch with such steps is
    `first_epoch`, counted from 0. Any fusion.

    Where we differ, since the paper's networks fuse in between: there the conditional learning
    speed of m given n compares the weights that bring m into the branch of n with that branch's
    own, and re-balancing holds the gates that come from the other branch at their mean. A late
    fusion has no weights but the encoders' between a modality and the sum, so the speed of m
    given n is that of encoder m over that of encoder n; the paper's difference of the two
    conditional speeds is then twice our logarithm. The authors' threshold is 0.01 on such a
    difference; 0.1 here, as encoders may differ in kind. More than two modalities are each compared
    with the slowest. `window` and the spared first epoch are the authors'.
    """

    alpha: float = 0.1
    window: int = 5
    first_epoch: int = 1

    def __post_init__(self) -> None:
        if self.alpha < 0 or self.window < 1 or self.first_epoch < 0:
            raise ValueError(
                f"alpha={self.alpha}, window={self.window}, first_epoch={self.first_epoch}: "
                "expected 0 or more, at least 1 step and an epoch of 0 or more"
            )

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality, several processes, and gradients that may overflow."""
        check_two(model, "greedy")
        if model.precision == "fp16":
            raise ValueError(
                "balancer=greedy adds up the sizes of gradients, of which precision=fp16 lets some "
                "overflow; use precision=bf16 or precision=float32"
            )
        check_alone()

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Count joint epochs."""
        if state:
            return {**state, "epoch": state["epoch"] + 1}
        zero = torch.zeros((), dtype=torch.float64, device=next(model.parameters()).device)
        speeds = {name: zero.clone() for name in model.modalities}
        return {"epoch": 0, "steps": 0, "left": 0, "held": [], "speeds": speeds, "means": {}}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Take a regular step, or one of a window that re-balances."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        follow_means(state, outputs.embeddings)
        if state["left"]:
            state["left"] -= 1
            fused = with_held(model, outputs, state["held"], state["means"])
            cross_entropy(fused, batch.targets).backward()  # type: ignore[no-untyped-call]
        else:
            cross_entropy(outputs.logits, batch.targets).backward()  # type: ignore[no-untyped-call]
            for name, encoder in model.encoders.items():
                state["speeds"][name] = state["speeds"][name] + speed(name, encoder)
            state["held"] = self.ahead(state["speeds"])
            if state["held"] and state["epoch"] >= self.first_epoch:
                state["left"] = self.window
        return StepOutput.of(logits, losses_of(logits, batch.targets))

    def ahead(self, speeds: Mapping[str, Tensor]) -> list[str]:
        """Return the modalities faster than the slowest by more than `alpha`."""
        values = torch.stack(list(speeds.values())).tolist()  # a device sync: the next step waits
        limit = 10**self.alpha * min(values)
        return [name for name, value in zip(speeds, values, strict=True) if value > limit]


def speed(name: str, encoder: nn.Module) -> Tensor:
    """Return |gradient|² / |weights|² of an encoder, over the parameters that have a gradient."""
    pairs = [(p.grad, p.detach()) for p in encoder.parameters() if p.grad is not None]
    if not pairs:
        raise ValueError(
            f"the fused loss moves no parameter of the encoder of {name!r}; balancer=greedy "
            "compares how fast encoders learn and needs one that does; use balancer=none"
        )
    gradient = torch.stack([g.double().square().sum() for g, _ in pairs]).sum()
    return gradient / torch.stack([p.double().square().sum() for _, p in pairs]).sum()


def follow_means(state: BalancerState, embeddings: Mapping[str, Tensor]) -> None:
    """Bring each modality's mean embedding `(size,)` over all steps up to this one."""
    state["steps"] += 1
    now = {name: values.detach().mean(dim=0) for name, values in embeddings.items()}
    before = state["means"] or now
    state["means"] = {m: before[m] + (now[m] - before[m]) / state["steps"] for m in now}


def with_held(
    model: MultimodalNetwork,
    outputs: Outputs,
    held: Collection[str],
    means: Mapping[str, Tensor],
) -> Tensor:
    """Return the fused logits `(B, classes)` with the embeddings of `held` at their means."""
    still = {m: means[m].expand_as(outputs.embeddings[m]) for m in held}
    with torch.no_grad():
        unimodal = {**outputs.unimodal, **model.unimodal_logits(still)}
    return model.fuse({**outputs.embeddings, **still}, unimodal).logits


def check_alone() -> None:
    """Raise in one of several processes, which would hold different modalities and diverge."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        raise ValueError(
            "balancer=greedy decides by the gradients of one process's samples, and several "
            "processes would decide differently; train in one process"
        )
