"""The multimodal network: one encoder and head per modality, one fusion module."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from fusion_sched.models.ensembles import WeightedEnsemble
from fusion_sched.models.fitting import fit_temperature
from fusion_sched.models.loss_scaling import LossScale
from fusion_sched.models.modality_dropout import check_modality_dropout, drop_modalities
from fusion_sched.types import FUSED, Outputs

PRECISIONS = ("float32", "bf16", "fp16")


class MultimodalNetwork(nn.Module):
    """Encoders by modality name, a linear head on each embedding, and a fusion module.

    `encoders`: modality → module mapping `(B, *shape)` to `(B, size)`; `heads` alike to
    `(B, classes)`; `fusion` maps the dicts of embeddings and of logits to `(B, classes)`.
    `precision` is `"float32"`, or `"bf16"` for automatic mixed precision; outputs are
    float32 either way. With `"fp16"` the encoders alone compute in float16, on CUDA alone, and
    their gradients are scaled by `loss_scale`. `modality_dropout`: the share of samples for which
    joint training hides a modality from `fusion`. With `calibrated`, the logits of `fuse` are
    divided by `temperatures`, one for each modality's head and the last for the fused one; they
    are 1 until `calibrate` sets them.

    A fitted `ensemble` gives the fused logits in place of `fusion`, and `fused` of 0 for a modality
    hides its embedding from `fusion`. Both are absent until `deploy` sets them, and then in the
    `state_dict`, from which they come back.
    """

    temperatures: Tensor | None
    fused: Tensor | None

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        heads: Mapping[str, nn.Module],
        fusion: nn.Module,
        precision: str = "float32",
        calibrated: bool = False,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected one of {list(PRECISIONS)}")
        check_modality_dropout(modality_dropout, len(encoders), fusion)
        self.precision, self.modality_dropout = precision, modality_dropout
        self.encoders = nn.ModuleDict(encoders)
        self.loss_scale = LossScale() if precision == "fp16" else None
        if self.loss_scale is not None:
            self.loss_scale.attach(self.encoders)
        self.heads = nn.ModuleDict(heads)
        self.fusion = fusion
        temperatures = torch.ones(len(self.heads) + 1) if calibrated else None
        self.register_buffer("temperatures", temperatures)
        self.ensemble: WeightedEnsemble | None = None
        self.register_buffer("fused", None)
        # Typed in no release of torch so far.
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def deploy(self, fused: Collection[str], ensemble: WeightedEnsemble | None = None) -> None:
        """Fuse these modalities from now on, by the ensemble where one is given."""
        device = next(self.parameters()).device
        shares = torch.tensor([float(m in fused) for m in self.modalities], device=device)
        self.fused = None if set(fused) == set(self.modalities) else shares
        self.ensemble = None if ensemble is None else ensemble.to(device)

    def new_ensemble(self, heads: Collection[str]) -> WeightedEnsemble:
        """Return an ensemble of these heads, of which `fused` may be one; it is to be fitted."""
        classes = len(next(iter(self.heads.parameters())))  # rows of a linear layer's weight
        sizes = dict.fromkeys((*self.modalities, FUSED), classes)
        return WeightedEnsemble(sizes, classes, tuple(heads))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modality names, in the dataset's order."""
        return tuple(self.encoders)

    def forward(self, inputs: Mapping[str, Tensor]) -> Outputs:
        """Return fused and unimodal logits, and the embeddings."""
        return self.fuse(self.encode({m: inputs[m] for m in self.encoders}))

    def encode(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the embeddings of these modalities alone, in the network's own precision."""
        with self._precision_of(inputs, encoding=True):
            embeddings = {m: self.encoders[m](x) for m, x in inputs.items()}
        if self.loss_scale is None:
            return embeddings
        return {m: self.loss_scale.embedding(e) for m, e in embeddings.items()}

    def unimodal_logits(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the logits `(B, classes)` of these modalities' own heads."""
        with self._precision_of(embeddings):
            return {m: self.heads[m](e).float() for m, e in embeddings.items()}

    def fuse(
        self, embeddings: Mapping[str, Tensor], unimodal: Mapping[str, Tensor] | None = None
    ) -> Outputs:
        """Return the outputs for embeddings of all modalities.

        `unimodal` are logits to fuse in place of those that the heads give.
        """
        own = self.unimodal_logits(embeddings) if unimodal is None else dict(unimodal)
        with self._precision_of(embeddings):
            fused = self.fusion(self._fused_embeddings(embeddings), own).float()
        if self.ensemble is not None:
            fused = self.ensemble(embeddings, {**own, FUSED: fused})
        if self.temperatures is not None:
            *of_heads, of_fused = self.temperatures.unbind()
            own = {m: z / of_head for (m, z), of_head in zip(own.items(), of_heads, strict=True)}
            fused = fused / of_fused
        return Outputs(fused, own, {m: e.float() for m, e in embeddings.items()})

    def _fused_embeddings(self, embeddings: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if self.modality_dropout and self.fusion.training:
            embeddings = drop_modalities(embeddings, self.modality_dropout, self.fused)
        if self.fused is None:
            return embeddings
        shares = dict(zip(self.modalities, self.fused, strict=True))
        return {m: shares[m] * e for m, e in embeddings.items()}

    def calibrate(self, logits: Mapping[str, Tensor], y: Tensor) -> dict[str, float]:
        """Set and return the temperature of each head, fitted to held-out logits of `fuse`."""
        assert self.temperatures is not None, "the network was built to be calibrated"
        fitted = {m: fit_temperature(logits[m], y) for m in (*self.modalities, FUSED)}
        self.temperatures.mul_(self.temperatures.new_tensor(list(fitted.values())))
        return dict(zip(fitted, self.temperatures.tolist(), strict=True))

    def _precision_of(self, inputs: Mapping[str, Tensor], encoding: bool = False) -> torch.autocast:
        device = next(iter(inputs.values())).device.type
        if self.precision == "fp16" and device == "cuda":
            return torch.autocast(device, torch.float16, enabled=encoding)
        return torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16")

    def train_only(self, active: Collection[str], joint: bool) -> None:
        """Put the active parts into training mode and freeze the rest.

        A frozen part is in evaluation mode, so that no BatchNorm statistic of it moves, and its
        parameters want no gradient, so that no optimizer touches them or their state.
        """
        for name in self.modalities:
            for module in (self.encoders[name], self.heads[name]):
                module.train(name in active)
                module.requires_grad_(name in active)
        self.fusion.train(joint)
        self.fusion.requires_grad_(joint)


def _make_room(
    network: MultimodalNetwork, state: Mapping[str, Tensor], prefix: str, *_: object
) -> None:
    """Before weights are loaded: an ensemble and a mask where `state` has them."""
    device = next(network.parameters()).device
    network.ensemble = None
    if f"{prefix}ensemble.weights" in state:
        network.ensemble = network.new_ensemble(network.modalities).to(device)
    fused = state.get(f"{prefix}fused")
    network.fused = None if fused is None else torch.ones_like(fused, device=device)


def embedding_sizes(
    encoders: Mapping[str, nn.Module], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, int]:
    """Return the number of features each encoder gives, by running it on one blank input.

    Raises
    ------
    ValueError
        An encoder that does not return `(B, size)`.
    """
    sizes = {}
    for name, encoder in encoders.items():
        with torch.no_grad():
            out = encoder.eval()(torch.zeros(1, *shapes[name]))
        if out.ndim != 2:
            raise ValueError(
                f"the encoder of {name!r} returns shape {tuple(out.shape)} for one sample, "
                "expected (1, embedding)"
            )
        sizes[name] = int(out.shape[1])
    return sizes
