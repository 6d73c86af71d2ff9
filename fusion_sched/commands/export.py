"""Behind `fusion-sched export`: a trained network as ONNX, as a torch program, or as weights."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion_sched.config.load import LoadedModel, load_model
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.saved import DESCRIPTION_FILE, WEIGHTS_FILE
from fusion_sched.runtime.files import atomic_write

EXPORT_DIR = "export"
EXAMPLES, CHECKED = 3, (1, 5)
"""Samples in the batch that is traced, and in those that are checked."""
TOLERANCE = 1e-3
REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError)
"""What torch raises for a module that it cannot trace or translate."""


class Exported(nn.Module):
    """The network with a tensor per modality in, and a tuple of tensors out."""

    def __init__(self, network: MultimodalNetwork) -> None:
        super().__init__()
        self.network = network

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in their order."""
        names = self.network.modalities
        return [
            "probabilities",
            *(f"logits_{m}" for m in names),
            *(f"embedding_{m}" for m in names),
        ]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        names = self.network.modalities
        outputs = self.network(dict(zip(names, inputs, strict=True)))
        heads = [outputs.unimodal[m] for m in names]
        return outputs.logits.softmax(dim=1), *heads, *(outputs.embeddings[m] for m in names)


def export_model(run: Path, form: str, out: Path | None, allowed: list[str]) -> list[str]:
    """Write the network in this form, with its description; return what to print."""
    model = load_model(run, allowed)
    folder = out or run / EXPORT_DIR
    folder.mkdir(parents=True, exist_ok=True)
    if form == "safetensors":
        _copy(model.folder / WEIGHTS_FILE, folder)
        path, lines = folder / WEIGHTS_FILE, []
    else:
        path = folder / {"onnx": "model.onnx", "torch": "model.pt2"}[form]
        lines = export_onnx(model, path) if form == "onnx" else export_program(model, path)
    _copy(model.folder / DESCRIPTION_FILE, folder)
    return [
        *lines,
        f"{form}: {path}",
        f"classes, inputs, preprocessing: {folder / DESCRIPTION_FILE}",
    ]


def _copy(path: Path, folder: Path) -> None:
    if folder.resolve() != path.parent.resolve():
        with atomic_write(folder / path.name) as file:
            file.write(path.read_bytes())


def example_inputs(model: LoadedModel, count: int) -> tuple[Tensor, ...]:
    """Return random inputs of the network; of integers, ids that every vocabulary has."""
    generator = torch.Generator().manual_seed(count)
    return tuple(
        torch.randn((count, *shape), generator=generator).to(dtype)
        if (dtype := getattr(torch, model.inputs.dtypes[m])).is_floating_point
        else torch.randint(0, 2, (count, *shape), generator=generator).to(dtype)
        for m, shape in model.inputs.shapes.items()
    )


def _traceable(model: LoadedModel) -> tuple[Exported, list[str]]:
    """Return the module, in single precision, and a note where it was trained in another."""
    notes = []
    if model.network.precision != "float32":
        notes = [f"note: trained in {model.network.precision}, exported in float32"]
        model.network.precision = "float32"
    return Exported(model.network).eval(), notes


def _dynamic(count: int) -> tuple[tuple[dict[int, object], ...], ...]:
    """The size of the batch is free in every input."""
    batch = torch.export.Dim("batch", min=1)
    return (tuple({0: batch} for _ in range(count)),)


def export_program(model: LoadedModel, path: Path) -> list[str]:
    module, notes = _traceable(model)
    inputs = example_inputs(model, EXAMPLES)
    try:
        program = torch.export.export(module, inputs, dynamic_shapes=_dynamic(len(inputs)))
    except REFUSALS as error:
        raise _refusal(model, "torch", error) from error
    packed = io.BytesIO()
    torch.export.save(program, packed)
    with atomic_write(path) as file:
        file.write(packed.getbuffer())
    loaded = torch.export.load(path).module()
    errors = [
        _largest_error(module(*x), loaded(*x))
        for x in (example_inputs(model, count) for count in CHECKED)
    ]
    return [*notes, _checked(max(errors), "a program read back", path)]


def export_onnx(model: LoadedModel, path: Path) -> list[str]:
    try:
        import onnx  # noqa: F401  (torch needs it)
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"the format onnx needs the package {error.name}, which is not installed; "
            'pip install "fusion-sched[onnx]"'
        ) from error
    module, notes = _traceable(model)
    inputs, names = example_inputs(model, EXAMPLES), list(model.inputs.shapes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own code
            program = torch.onnx.export(
                module, inputs, dynamo=True, dynamic_shapes=_dynamic(len(inputs)), verbose=False,
                input_names=names, output_names=module.outputs,
            )  # fmt: skip
    except REFUSALS as error:
        raise _refusal(model, "onnx", error) from error
    assert program is not None, "with dynamo=True torch returns a program"
    with atomic_write(path) as file:
        file.write(program.model_proto.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    errors = []
    for count in CHECKED:
        x = example_inputs(model, count)
        given = dict(zip(names, (values.numpy() for values in x), strict=True))
        answers = [torch.as_tensor(values) for values in session.run(None, given)]
        errors.append(_largest_error(module(*x), answers))
    return [*notes, _checked(max(errors), "onnxruntime", path)]


@torch.no_grad()
def _largest_error(expected: Sequence[Tensor], answers: Sequence[Tensor]) -> float:
    """The largest difference, relative to the largest value of its output where that is over 1."""
    pairs = zip(expected, answers, strict=True)
    return max(float((a - e).abs().max() / e.abs().max().clamp(min=1)) for e, a in pairs)


def _checked(error: float, what: str, path: Path) -> str:
    if not error <= TOLERANCE:
        path.unlink()
        raise ValueError(
            f"{what} differs from the network by {error:.1e}, expected at most {TOLERANCE:g}; the "
            "file was deleted: take another format"
        )
    sizes = " and ".join(map(str, CHECKED))
    return f"checked: {what} differs by {error:.1e} at most, in batches of {sizes}"


def _refusal(model: LoadedModel, form: str, error: Exception) -> ValueError:
    """Name the encoders that cannot be traced alone, and why; else it is the fusion."""
    reasons = []
    for (m, encoder), x in zip(
        model.network.encoders.items(), example_inputs(model, EXAMPLES), strict=True
    ):
        try:
            torch.export.export(encoder, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        except REFUSALS as reason:
            first = str(reason).strip().splitlines() or [type(reason).__name__]
            reasons.append(f"the encoder of {m!r} ({type(encoder).__name__}): {first[0]}")
    if not reasons:
        first = str(error).strip().splitlines() or [type(error).__name__]
        reasons = [f"the network as a whole, though each encoder alone can be traced: {first[0]}"]
    return ValueError(
        f"this network cannot be exported as {form}: {'; '.join(reasons)}. Take --format "
        "safetensors, or another encoder"
    )
