"""What an installed wheel holds, and what importing the parts costs."""

import csv
import importlib
import pkgutil
import shutil
import subprocess
import sys
import tarfile
import types
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import fusion_sched

ROOT = Path(__file__).parent.parent


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program outside the repository; return what it printed."""
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(cwd)}
    done = subprocess.run(words, cwd=cwd, env=environment, text=True, capture_output=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
    assert run(sys.executable, "-c", code, cwd=tmp_path).strip() == "fusion_sched.pid.decomposition"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code = ("import sys, fusion_sched.commands.cli as cli\n"
            f"sys.argv = ['fusion-sched', *{arguments}]\n"
            "try: cli.main()\n"
            f"except SystemExit: print({set(HEAVY)} & set(sys.modules))")  # fmt: skip
    assert run(sys.executable, "-c", code, cwd=tmp_path).splitlines()[-1] == "set()"


def test_training_imports_only_what_every_run_needs(tmp_path: Path) -> None:
    code = ("import sys, fusion_sched.commands.train\n"
            "print({'sklearn', 'pandas', 'matplotlib', 'plotly', 'scipy.stats', 'scipy.optimize'}"
            " & set(sys.modules))")  # fmt: skip
    assert run(sys.executable, "-c", code, cwd=tmp_path).strip() == "set()"


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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made of the source archive alone."""
    pytest.importorskip("hatchling", reason="builds a wheel with hatchling, in the extra `dev`")
    folder = tmp_path_factory.mktemp("built")
    build = (sys.executable, "-m", "hatchling", "build", "-d", folder, "-t")
    run(*build, "sdist", cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    run(*build, "wheel", cwd=next(path for path in folder.iterdir() if path.is_dir()))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and else the packages of this one."""
    if find_spec("pip") is None:
        pytest.skip("installs the wheel with pip, which is not here")
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "--python", folder, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # Behind the wheel: its own package hides the one that is tested here.
    packages = [path for path in sys.path if path.endswith("-packages")]
    (site / "packages.pth").write_text("\n".join(packages))
    return folder / "bin"


@pytest.mark.slow
def test_the_wheel_holds_configs_and_data_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("dist-info/METADATA"))
        described = archive.read(metadata).decode()
    configs = {f"fusion_sched/{path.relative_to(ROOT)}" for path in ROOT.glob("conf/**/*.yaml")}
    assert configs | {"fusion_sched/analysis/published.yaml", "fusion_sched/py.typed"} < set(names)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"fusion_sched", "hydra_plugins", metadata.partition("/")[0]}
    assert "hydra_plugins/__init__.py" not in names, "other packages have plugins there, too"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for line in ("License-Expression: Apache-2.0", "Description-Content-Type: text/markdown",
                 "Project-URL: Paper", "Classifier: Typing :: Typed"):  # fmt: skip
        assert line in described


@pytest.mark.slow
def test_the_wheel_trains_on_its_own_data(installed: Path, tmp_path: Path) -> None:
    place = run(installed / "python", "-c", "import fusion_sched as f; print(f.__file__)",
                cwd=tmp_path)  # fmt: skip
    assert Path(place.strip()).is_relative_to(installed.parent)
    run(installed / "fusion-sched", "train", "stage1.epochs=1", "stage2.epochs=1", "encoder=mlp",
        "probe=kmeans", "controller=pid", "hydra.run.dir=run", cwd=tmp_path)  # fmt: skip
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_wheel_goes_from_training_to_export(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "train_to_export.py"
    shutil.copy(ROOT / "examples" / script.name, script)
    printed = run(installed / "python", script, cwd=tmp_path)
    assert "checked: a program read back differs by" in printed
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a", "b"]
    runs_onnx = all(map(find_spec, ("onnx", "onnxscript", "onnxruntime")))
    assert ("onnxruntime gives the probabilities" in printed) == runs_onnx
    assert ("no ONNX without" in printed) != runs_onnx


def test_the_image_copies_what_is_there() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert {"pyproject.toml", "fusion_sched", "conf"} < set(copied)
    assert all((ROOT / name).exists() for name in copied)


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
