"""From a split to batches on the device: order, loader processes, copying, augmentation."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Sampler

from fusion_sched.runtime.distributed import SINGLE_PROCESS, Processes
from fusion_sched.runtime.environment import seed_for
from fusion_sched.types import Batch, Samples, as_is


class EpochOrder(Collection[int]):
    """These positions in an order that depends on (seed, epoch) alone."""

    def __init__(self, positions: Sequence[int], seed: int) -> None:
        self.positions, self.seed, self.epoch = positions, seed, 0

    def __len__(self) -> int:
        return len(self.positions)

    def __contains__(self, position: object) -> bool:
        return position in self.positions

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(seed_for(self.seed, "order", self.epoch))
        for place in torch.randperm(len(self.positions), generator=generator).tolist():
            yield self.positions[place]


class Batches(Sampler[list[int]]):
    """This process's share of the positions of an order, `size` of all processes at a time.

    A last batch with fewer than two samples for each process joins the one before it: BatchNorm
    cannot train on a single sample, and no sample should be left out for it.
    """

    def __init__(
        self, order: Collection[int], size: int, processes: Processes = SINGLE_PROCESS
    ) -> None:
        self.order, self.size, self.processes = order, size, processes

    def __len__(self) -> int:
        count, rest = divmod(len(self.order), self.size)
        return count + (rest >= 2 * self.processes.count or (rest > 0 and count == 0))

    def __iter__(self) -> Iterator[list[int]]:
        positions = list(self.order)
        batches = len(self)
        for number in range(batches):
            end = len(positions) if number == batches - 1 else (number + 1) * self.size
            yield self.processes.share(positions[number * self.size : end])


class Loader:
    """Batches of a split, on the device and ready for the network.

    With several processes each gets its share of every batch.

    `workers`: number of processes that read ahead; 0: this process reads. After reading, everything
    happens on the device: `finish`, and with an `augment` random changes that depend on (seed,
    epoch) alone, where the epoch is that of `order`.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        order: Collection[int] | None = None,
        *,
        device: torch.device | None = None,
        processes: Processes = SINGLE_PROCESS,
        workers: int = 0,
        finish: Callable[[Batch], Batch] = as_is,
        augment: Callable[[Batch, Generator], Batch] | None = None,
    ) -> None:
        self.order = range(len(samples)) if order is None else order
        self.device = torch.device("cpu") if device is None else device
        self.processes = processes
        self.finish, self.augment = finish, augment
        self.raw: DataLoader[Batch] = DataLoader(
            samples,  # type: ignore[arg-type]
            batch_sampler=Batches(self.order, batch_size, processes),
            collate_fn=as_is,  # type: ignore[arg-type]  # __getitems__ has already made a batch
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == "cuda",
            generator=Generator(),
        )

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[Batch]:
        draws = Generator().manual_seed(self.seed("augment"))
        # From it torch seeds every loader process, for samples that draw random numbers.
        self.raw.generator.manual_seed(self.seed("workers"))
        for batch in self.raw:
            ready = self.finish(to_device(batch, self.device))
            yield ready if self.augment is None else self.augment(ready, draws)

    def seed(self, purpose: str) -> int:
        """Return a seed for this epoch; a split in its own order has one for all epochs."""
        rank = (self.processes.rank,) if self.processes.rank else ()
        if isinstance(self.order, EpochOrder):
            return seed_for(self.order.seed, purpose, self.order.epoch, *rank)
        return seed_for(0, purpose, *rank)

    def collect(
        self,
        parts: Mapping[str, Sequence[Tensor]],
        index: Sequence[Tensor],
        on_device: bool = False,
    ) -> dict[str, Tensor]:
        """Join what each batch gave, for all processes' samples in the split's order.

        `index` holds each batch's positions. The tensors are on the CPU, or, with `on_device`, on
        the device; there several processes' shares come by way of the CPU.
        """
        mine = {name: torch.cat(list(values)) for name, values in parts.items()}
        if self.processes.count == 1 and on_device:
            return mine
        # The one device sync: nothing is copied before the last batch is under way.
        mine = {name: values.cpu() for name, values in mine.items()}
        if self.processes.count == 1:
            return mine
        shares = self.processes.gather((mine, torch.cat(list(index))))
        place = {position: number for number, position in enumerate(self.order)}
        positions = torch.cat([of_process for _, of_process in shares]).tolist()
        order = torch.tensor([place[position] for position in positions]).argsort()
        device = self.device if on_device else torch.device("cpu")
        return {
            name: torch.cat([share[name] for share, _ in shares])[order].to(device) for name in mine
        }


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move a batch; from pinned memory the copy runs beside what the device is doing."""
    inputs = {m: x.to(device, non_blocking=True) for m, x in batch.inputs.items()}
    return Batch(inputs, batch.y.to(device, non_blocking=True), batch.index)
