"""python -m benchmarks.pid [--quick] [--output benchmarks/pid/RESULTS.md]: time and tabulate."""

import argparse
import datetime
import os
import platform
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from benchmarks.machine import processor
from benchmarks.pid.joints import KINDS, counts, digits_bootstrap, dirichlet
from benchmarks.pid.measure import Timing, measure, table
from benchmarks.pid.peers import conic_union_nats
from fusion_sched.pid import FastPID, decompose
from fusion_sched.pid.fastpid_published import PublishedFastPID
from fusion_sched.pid.scaling import Scaling

HEADLINE = (20, 20, 6)
# size: (must, aim) in milliseconds of CPU time at a gap of 1e-6 bits
TARGETS = {
    HEADLINE: (20, 8),
    (20, 20, 28): (150, 70),
    (20, 20, 101): (250, 120),
    (50, 50, 10): (250, 100),
    (100, 100, 10): (1500, 800),
}


def verdict(value: float, must: float, aim: float) -> str:
    if value <= aim:
        return "aim met"
    return "must met" if value <= must else f"missed by {value - must:.2g}"


def single(quick: bool) -> str:
    """One problem at a time: the median over several joints of each kind."""
    rows = []
    for shape, (must, aim) in TARGETS.items():
        if quick and np.prod(shape) > 15_000:
            continue
        for kind, draw in KINDS.items():
            joints = draw(shape, 3 if quick else 7)
            runs = 21 if np.prod(shape) < 30_000 else 5
            timings = [measure(lambda p=p: decompose(p), runs) for p in joints]
            cpu = float(np.median([t.cpu for t in timings]))
            wall = float(np.median([t.wall for t in timings]))
            solution = decompose(joints).solution
            row = ["x".join(map(str, shape)), kind, f"{cpu:.1f}", f"{wall:.1f}"]
            row += [
                f"{float(solution.iterations.double().mean()):.1f}",
                f"{solution.gap.max():.1e}",
            ]
            rows.append([*row, f"{must} / {aim}", verdict(cpu, must, aim)])
    header = ["size", "joint", "CPU ms", "wall ms", "Newton steps", "gap (bits)"]
    return table([*header, "must / aim (ms)", ""], rows)


def batches(quick: bool) -> str:
    """Many problems at once: milliseconds for each."""
    loose = counts(HEADLINE, 256, seed=3, informative=0.5)
    fast, loose_scaling = FastPID(tol=1e-3), Scaling(tol=1e-3)
    cases: list[tuple[str, torch.Tensor, object, float, float]] = [
        ("20x20x6, 256 bootstrap resamples of digits", digits_bootstrap(256, 4), None, 10, 4),
        ("20x20x6, 256 Dirichlet(1)", dirichlet(HEADLINE, 256, 5), None, 10, 4),
        ("20x20x6, tol=1e-3, one, FastPID", loose[:1], fast, 10, 10),
        ("20x20x6, tol=1e-3, one, Scaling", loose[:1], loose_scaling, 10, 10),
        ("20x20x6, tol=1e-3, 256, FastPID", loose, fast, 10, 2),
        ("20x20x6, tol=1e-3, 256, Scaling", loose, loose_scaling, 10, 2),
        ("5x5x5, 1,000 Dirichlet(1)", dirichlet((5, 5, 5), 1000, 6), None, 0.5, 0.1),
        ("2x2x2, 10,000 Dirichlet(1)", dirichlet((2, 2, 2), 10_000, 7), None, 0.3, 0.3),
    ]
    rows = []
    for name, joints, solver, must, aim in cases:
        solver = solver or FastPID()
        t = measure(lambda p=joints, s=solver: decompose(p, s), 3 if quick else 9)
        cpu, wall = t.cpu / len(joints), t.wall / len(joints)
        gap = decompose(joints, solver).solution.gap.max()
        row = [name, f"{cpu:.3f}", f"{wall:.3f}", f"{gap:.1e}", f"{must} / {aim}"]
        rows.append([*row, verdict(cpu, must, aim)])
    return table(
        ["batch", "CPU ms each", "wall ms each", "gap (bits)", "must / aim (ms)", ""], rows
    )


def peers(quick: bool) -> str:
    """The same joints, one at a time, ours and theirs by turns."""
    callers: dict[str, Callable[[torch.Tensor], float]] = {
        "ours, gap 1e-6": lambda p: union_nats(p, FastPID()),
        "CVXPY + Clarabel": lambda p: conic_union_nats(p, "CLARABEL"),
        "CVXPY + ECOS": lambda p: conic_union_nats(p, "ECOS"),
        "FastPID as published": lambda p: union_nats(p, PublishedFastPID()),
    }
    rows = []
    for kind, draw in KINDS.items():
        joints = draw(HEADLINE, 1 if quick else 3)
        exact = [union_nats(p, FastPID(tol=1e-9)) for p in joints]
        base = 0.0
        for name, call in callers.items():
            runs = 15 if name.startswith("ours") else 1 if name.startswith("Fast") else 3
            times = [measure(lambda p=p, c=call: c(p), runs, int(runs > 1)).cpu for p in joints]
            cpu = float(np.median(times))
            base = base or cpu
            off = max(abs(call(p) - x) for p, x in zip(joints, exact, strict=True)) / np.log(2)
            rows.append([kind, name, f"{cpu:.1f}", f"{cpu / base:.1f}", f"{off:.1e}"])
    return table(["joint", "20x20x6", "CPU ms", "times ours", "error of I* (bits)"], rows)


def union_nats(p: torch.Tensor, solver: object) -> float:
    """I*(p) - H(Y) in nats, which is what the conic model minimises."""
    d = decompose(p, solver)
    target = p.sum((0, 1))
    return float(d.joint_mi - d.synergy) * np.log(2) - float(torch.special.entr(target).sum())


def accuracy(quick: bool) -> str:
    """Time against certified accuracy."""
    rows = []
    for kind, draw in KINDS.items():
        joints = draw(HEADLINE, 64)
        for solver in (
            *(FastPID(tol=tol) for tol in (1e-3, 1e-6, 1e-9)),
            Scaling(tol=1e-2),
            Scaling(tol=1e-3),
        ):
            t = measure(lambda p=joints, s=solver: decompose(p, s), 3 if quick else 9)
            one = measure(lambda p=joints[0], s=solver: decompose(p, s), 15)
            name = f"{type(solver).__name__} {solver.tol:g}"
            rows.append([kind, name, f"{one.cpu:.1f}", f"{t.cpu / len(joints):.2f}"])
    return table(["joint", "20x20x6, tol (bits)", "one: CPU ms", "64: CPU ms each"], rows)


def growth(quick: bool) -> str:
    """Log-log slopes of time in the alphabet and in the number of classes."""
    sizes = (10, 20, 40) if quick else (10, 20, 40, 60, 80, 120)
    classes = (5, 10, 20) if quick else (5, 10, 20, 40, 80, 160)
    sweeps = {
        "n x n x 6": [(n, n, 6) for n in sizes],
        "20 x 20 x ny": [(20, 20, c) for c in classes],
    }
    rows = []
    for name, shapes in sweeps.items():
        times = []
        for shape in shapes:
            p = dirichlet(shape, 1, 8)[0]
            t: Timing = measure(lambda p=p: decompose(p), 5)
            times.append(t.cpu)
        axis = [s[0] if name.startswith("n") else s[2] for s in shapes]
        slope = np.polyfit(np.log(axis), np.log(times), 1)[0]
        tail = np.polyfit(np.log(axis[-3:]), np.log(times[-3:]), 1)[0]
        values = ", ".join(f"{a}: {t:.1f}" for a, t in zip(axis, times, strict=True))
        rows.append([name, values, f"{slope:.2f}", f"{tail:.2f}"])
    return table(["Dirichlet(1), gap 1e-6", "CPU ms", "slope", "slope of the last three"], rows)


def profile() -> str:
    """Where the time of one 20x20x6 solve and of a batch goes, by torch operator."""
    rows = []
    for name, count, repeats in (("one", 1, 30), ("256", 256, 1)):
        p = dirichlet(HEADLINE, count, 9)
        decompose(p)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as watched:
            for _ in range(repeats):
                decompose(p)
        events = watched.key_averages()
        total = sum(e.self_cpu_time_total for e in events)
        largest = sorted(events, key=lambda e: -e.self_cpu_time_total)[:8]
        parts = [
            f"{e.key.removeprefix('aten::')} {e.self_cpu_time_total / total:.0%}" for e in largest
        ]
        calls = sum(e.count for e in events) // repeats
        rows.append([name, f"{calls:,}", ", ".join(parts)])
    return table(["20x20x6", "operators", "share of self time"], rows)


def cuda() -> str:
    if not torch.cuda.is_available():
        return "No CUDA device on this machine: not measured.\n"
    p = dirichlet(HEADLINE, 1024, 10).cuda()

    def call() -> None:
        decompose(p)
        torch.cuda.synchronize()

    t = measure(call, 9, 3)
    return f"20x20x6, batch of 1,024: {t.wall / 1024:.3f} ms each (must 0.5, aim 0.05).\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sections = {
        "One problem": single,
        "Batches": batches,
        "Peers, same joints, same run": peers,
        "Time to an accuracy": accuracy,
        "Growth": growth,
        "Where the time goes": lambda quick: profile(),
        "CUDA": lambda quick: cuda(),
    }
    command = "python -m benchmarks.pid" + (" --quick" if arguments.quick else "")
    text = (
        "# fusion_sched.pid: measured\n\n"
        f"`{command}`, {datetime.date.today()}, {processor()}, one thread; "
        f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}. "
        "Medians. CPU time is what is judged: the machine is shared.\n"
    )
    for title, section in sections.items():
        print(title, flush=True)
        text += f"\n## {title}\n\n{section(arguments.quick)}"
        arguments.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
