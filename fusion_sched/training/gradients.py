"""From the gradients of batches to steps of the optimizer: accumulation, clipping, loss scaling."""

from torch import Tensor, nn
from torch.optim import Optimizer

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime.distributed import SINGLE_PROCESS, Processes
from fusion_sched.training.averaging import WeightAverage


class GradientStep:
    """Steps along the mean gradient over the samples of `accumulate` batches.

    Each batch's gradients are found alone and added up here, so that a balancer sees those of its
    batch. `clip_norm`: the largest norm of the gradient of all that trains; a larger one is scaled
    down to it. After each step the weights go into `average`.
    """

    def __init__(
        self,
        model: MultimodalNetwork,
        optimizer: Optimizer,
        *,
        processes: Processes = SINGLE_PROCESS,
        accumulate: int = 1,
        clip_norm: float | None = None,
        average: WeightAverage | None = None,
    ) -> None:
        self.model, self.optimizer, self.processes = model, optimizer, processes
        self.accumulate, self.clip_norm, self.average = accumulate, clip_norm, average
        self.batches = self.samples = 0
        self.sums: dict[nn.Parameter, Tensor] = {}

    def add(self, samples: int) -> None:
        """Take a batch's gradients from the parameters; step where the batches are complete."""
        self.batches += 1
        self.samples += samples
        if self.accumulate > 1:
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    part = samples * parameter.grad
                    before = self.sums.get(parameter)
                    self.sums[parameter] = part if before is None else before + part
        if self.batches == self.accumulate:
            self.take()

    def take(self) -> None:
        """Step along the mean of what has been added since the last step, if anything has."""
        if not self.batches:
            return
        for parameter, total in self.sums.items():
            parameter.grad = total / self.samples
        self.processes.average_gradients(self.model.parameters(), self.samples)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        scale = self.model.loss_scale
        if scale is None or scale.adapt(self.model.parameters()):
            self.optimizer.step()
            if self.average is not None:
                self.average.update(self.model)
        self.batches = self.samples = 0
        self.sums = {}
