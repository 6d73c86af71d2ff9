"""The machine a benchmark ran on, in words."""

import os
import platform
from pathlib import Path

import torch


def describe_machine() -> str:
    """Return processor, cores, and the versions that matter."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.processor() or platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, one thread per process; torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )
