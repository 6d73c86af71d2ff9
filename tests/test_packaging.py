"""What an installed wheel holds, and what importing the parts costs."""

import importlib
import pkgutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
import yaml

import fusion_sched

ROOT = Path(__file__).parent.parent


def python(code: str, cwd: Path, path: Path | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    shown = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, text=True,
                           capture_output=True, check=False)  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


HEAVY = ("torch", "numpy", "scipy", "sklearn", "pandas", "matplotlib", "hydra", "omegaconf")
"""Packages that take a tenth of a second or more to import."""


def test_the_package_imports_its_api_at_first_use(tmp_path: Path) -> None:
    """At once nothing heavy, and with `decompose` torch and numpy only."""
    code = ("import sys, fusion_sched\n"
            f"assert not {set(HEAVY)} & set(sys.modules)\n"
            "assert set(fusion_sched.__all__) <= set(dir(fusion_sched))\n"
            "print(fusion_sched.decompose.__module__)\n"
            "heavy = {'hydra', 'omegaconf', 'sklearn', 'pandas', 'matplotlib'}\n"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)")  # fmt: skip
    assert python(code, tmp_path).strip() == "fusion_sched.pid.decomposition"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code = ("import sys, fusion_sched.commands.cli as cli\n"
            f"sys.argv = ['fusion-sched', *{arguments}]\n"
            "try: cli.main()\n"
            f"except SystemExit: print({set(HEAVY)} & set(sys.modules))")  # fmt: skip
    assert python(code, tmp_path).splitlines()[-1] == "set()"


def test_training_imports_only_what_every_run_needs(tmp_path: Path) -> None:
    code = ("import sys, fusion_sched.commands.train\n"
            "print({'sklearn', 'pandas', 'matplotlib', 'plotly', 'scipy.stats', 'scipy.optimize'}"
            " & set(sys.modules))")  # fmt: skip
    assert python(code, tmp_path).strip() == "set()"


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(fusion_sched, name) is not None for name in fusion_sched.__all__)
    assert fusion_sched.diagnose.__module__ == "fusion_sched.probe"
    with pytest.raises(AttributeError, match="'fusion_sched' has no attribute 'fit_all'"):
        fusion_sched.__getattr__("fit_all")


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == fusion_sched.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert "2509.20840" in citation["references"][0]["identifiers"][0]["value"]


@pytest.mark.slow
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
    assert "fusion_sched/py.typed" in names
    assert "hydra_plugins/fusion_sched_search.py" in names
    assert "hydra_plugins/__init__.py" not in names, "other packages have plugins there, too"
    assert not any(n.startswith(("tests/", "outputs/", "conf/")) for n in names)
    code = ("import sys, fusion_sched.commands.cli as c, fusion_sched.config.schema as g\n"
            "print(g.config_dir())\n"
            "sys.argv = ['fusion-sched', 'train', '--cfg', 'job']\n"
            "c.main()")  # fmt: skip
    shown = python(code, tmp_path, unpacked)
    assert shown.startswith(str(unpacked / "fusion_sched" / "conf"))
    assert "ColoredGrayDigits" in shown


def test_every_exported_name_is_documented() -> None:
    """What a package's `__all__` exports has a docstring of its own."""
    modules = [importlib.import_module(f"fusion_sched.{room.name}")
               for room in pkgutil.iter_modules(fusion_sched.__path__) if room.ispkg]  # fmt: skip
    exported = [(module, name) for module in modules for name in getattr(module, "__all__", ())]
    assert len(exported) > 40
    described = (type, types.FunctionType)
    missing = [
        f"{module.__name__}.{name}"
        for module, name in exported
        if isinstance(value := getattr(module, name), described)
        # A dataclass without a docstring is given its signature as one.
        and (not value.__doc__ or value.__doc__.startswith(f"{name}("))
    ]  # fmt: skip
    assert not missing
