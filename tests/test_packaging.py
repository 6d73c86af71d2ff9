"""What an installed wheel holds, and what importing the parts costs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python(code: str, cwd: Path, path: Path | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    shown = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, text=True,
                           capture_output=True, check=False)  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_the_solver_loads_neither_hydra_nor_sklearn(tmp_path: Path) -> None:
    heavy = "{'hydra', 'omegaconf', 'sklearn', 'pandas'}"
    code = f"import sys, fusion_sched.pid; print(sorted({heavy} & set(sys.modules)))"
    assert python(code, tmp_path).strip() == "[]"


def test_a_wheel_finds_its_configs(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="builds a wheel with hatchling, in the extra `dev`")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    wheel = next(tmp_path.glob("*.whl"))
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(unpacked)
    assert "fusion_sched/conf/train.yaml" in names
    assert "fusion_sched/analysis/published.yaml" in names
    assert not any(n.startswith(("tests/", "outputs/", "conf/")) for n in names)
    code = ("import sys, fusion_sched.commands.cli as c, fusion_sched.config.schema as g\n"
            "print(g.config_dir())\n"
            "sys.argv = ['fusion-sched', 'train', '--cfg', 'job']\n"
            "c.main()")  # fmt: skip
    shown = python(code, tmp_path, unpacked)
    assert shown.startswith(str(unpacked / "fusion_sched" / "conf"))
    assert "ColoredGrayDigits" in shown
