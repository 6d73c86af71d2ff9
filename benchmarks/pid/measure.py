"""CPU and wall time of a call, as medians."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Medians over `runs`, in milliseconds."""

    cpu: float
    wall: float
    runs: int


def measure(call: Callable[[], object], runs: int, warmups: int = 1) -> Timing:
    for _ in range(warmups):
        call()
    cpu, wall = [], []
    for _ in range(runs):
        started, ticking = time.process_time(), time.perf_counter()
        call()
        cpu.append(1e3 * (time.process_time() - started))
        wall.append(1e3 * (time.perf_counter() - ticking))
    return Timing(statistics.median(cpu), statistics.median(wall), runs)


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
