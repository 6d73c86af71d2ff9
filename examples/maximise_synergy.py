"""Maximise synergy by gradient, through soft clusters to the weights of two encoders.

Two encoders see the same noisy mixture of two hidden bits, and the label is their parity. Untrained
soft clusters of the encoders hold little synergy. The PID term, differentiated through
`soft_joint`, drives them to complementary views, so that only the two together tell the label.

    python examples/maximise_synergy.py
"""

import torch
from torch import Tensor, nn

from fusion_sched.pid import Decomposition, FastPID, decompose, soft_joint


def sample(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A noisy mixture (count, 4) of two bits, and their parity."""
    bits = torch.randint(2, (count, 2), generator=generator)
    mixing = torch.randn(2, 4, generator=generator)
    noise = 0.2 * torch.randn(count, 4, generator=generator)
    return (2.0 * bits - 1.0) @ mixing + noise, bits.sum(1) % 2


def atoms(encoders: nn.ModuleList, x: Tensor, y: Tensor) -> Decomposition:
    """The PID of the encoders' soft clusters and the label."""
    first, second = (encoder(x).softmax(-1) for encoder in encoders)
    return decompose(soft_joint(first, second, y, classes=2), FastPID(tol=1e-4))


def describe(d: Decomposition) -> str:
    """The atoms in one line."""
    return (
        f"redundancy {d.redundancy:.3f}  unique1 {d.unique1:.3f}  unique2 {d.unique2:.3f}  "
        f"synergy {d.synergy:.3f}  (bits, within {d.solution.gap:.0e})"
    )


def main(steps: int = 150) -> tuple[float, float]:
    """Train and return the synergy before and after, in bits."""
    torch.manual_seed(0)
    x, y = sample(400, torch.Generator().manual_seed(0))
    encoders = nn.ModuleList(nn.Linear(4, 3) for _ in range(2))
    optimizer = torch.optim.Adam(encoders.parameters(), lr=0.05)
    before = atoms(encoders, x, y)
    print("before:", describe(before))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -atoms(encoders, x, y).synergy
        loss.backward()
        optimizer.step()
    after = atoms(encoders, x, y)
    print("after: ", describe(after))
    return before.synergy.item(), after.synergy.item()


if __name__ == "__main__":
    main()
