"""The processes of one training: alone, or several that torchrun started, one per device."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    All of them run the same program on their share of every batch; what depends on all samples is
    gathered, and what is decided is decided by the first process.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Say whether this process writes and decides."""
        return self.rank == 0

    def share(self, items: Sequence[Value]) -> list[Value]:
        """Return this process's share of some items: every `count`-th."""
        return list(items[self.rank :: self.count])

    def gather(self, value: Value) -> list[Value]:
        """Return every process's value, by rank; tensors have to be on the CPU."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return values

    def agree(self, value: Value) -> Value:
        """Return the first process's value; tensors have to be on the CPU."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        agreed: Value = broadcast_object_list([value])[0]
        return agreed

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            torch.distributed.barrier()

    def add_up(self, values: Tensor) -> Tensor:
        """Return the sum of every process's tensor."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        total: Tensor = reduce(values, reduction="sum")
        return total

    def average_gradients(self, parameters: Iterable[nn.Parameter], samples: int) -> None:
        """Make each gradient the mean over all processes, weighed by their samples in the batch."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([samples * g.flatten() for g in gradients])
        flat = torch.cat([flat, flat.new_tensor([samples])])
        total = self.add_up(flat)
        mean = total[:-1] / total[-1]
        for gradient, part in zip(
            gradients, torch.split(mean, [g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def average_buffers(self, buffers: Iterable[Tensor]) -> None:
        """Make each floating-point buffer, such as BatchNorm's statistics, the processes' mean."""
        if self.count == 1:
            return
        for buffer in buffers:
            if buffer.is_floating_point():
                buffer.copy_(self.add_up(buffer.clone()) / self.count)


SINGLE_PROCESS = Processes()


def join_processes(device: str) -> Processes:
    """Return this process among those that torchrun started, or alone.

    Parameters
    ----------
    device : as in the configuration; `auto` is the CPU where there is no CUDA

    Raises
    ------
    ImportError
        Several processes, and accelerate is not installed.
    RuntimeError
        The processes did not find each other; each would train by itself.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started == 1:
        return SINGLE_PROCESS
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ImportError(
            "torchrun started several processes; training on several devices needs accelerate: "
            'pip install "fusion-sched[distributed]"'
        ) from error
    # accelerate takes a process that may use CUDA, on a machine without, for a single one.
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    if state.num_processes != started:
        raise RuntimeError(
            f"torchrun started {started} processes, but {state.num_processes} found each other; "
            "set device=cpu, or device=auto"
        )
    return Processes(state.process_index, state.num_processes, state.local_process_index)
