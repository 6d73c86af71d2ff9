"""The multimodal network: one encoder and head per modality, one fusion module."""

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from fusion_sched.models.ensembles import PooledEnsemble, WeightedEnsemble
from fusion_sched.models.fitting import fit_temperature
from fusion_sched.models.loss_scaling import LossScale
from fusion_sched.models.modality_dropout import check_modality_dropout, drop_modalities
from fusion_sched.types import FUSED, KEPT, Outputs

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
    hides its embedding from `fusion`. A pool of the network with an earlier state of its encoders
    and heads holds these as `kept_encoders` and `kept_heads`; embeddings are then those of the
    network, followed by those of the earlier state. All are absent until `deploy` or `deploy_pool`
    sets them, and then in the `state_dict`, from which they come back.
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
        self.ensemble: WeightedEnsemble | PooledEnsemble | None = None
        self.kept_encoders: nn.ModuleDict | None = None
        self.kept_heads: nn.ModuleDict | None = None
        self.register_buffer("fused", None)
        # Typed in no release of torch so far.
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def deploy(self, fused: Collection[str], ensemble: WeightedEnsemble | None = None) -> None:
        """Fuse these modalities from now on, by the ensemble where one is given."""
        device = next(self.parameters()).device
        shares = torch.tensor([float(m in fused) for m in self.modalities], device=device)
        self.fused = None if set(fused) == set(self.modalities) else shares
        self.ensemble = None if ensemble is None else ensemble.to(device)
        self.kept_encoders = self.kept_heads = None

    def deploy_pool(
        self, fused: Collection[str], pool: PooledEnsemble, earlier: Mapping[str, Tensor]
    ) -> None:
        """Fuse these modalities from now on by a pool with the encoders and heads in `earlier`."""
        self.deploy(fused)
        self._copy_parts()
        kept = ("encoders.", "heads.")
        self.ensemble = pool.to(next(self.parameters()).device)
        weights = {f"kept_{k}": v for k, v in earlier.items() if k.startswith(kept)}
        self.load_state_dict({**self.state_dict(), **weights})

    def new_pool(self, fused: Collection[str]) -> PooledEnsemble:
        """Return a pool of the kept heads, the fused one, and it with its own heads; to be fitted.

        Kept heads are called `kept a`.
        """
        classes = len(next(iter(self.heads.parameters())))
        names = (*self.modalities, FUSED, *(kept_head(m) for m in self.modalities))
        sizes = dict.fromkeys(names, classes)
        heads = {KEPT: [kept_head(m) for m in fused], FUSED: [FUSED], "heads": [*fused, FUSED]}
        return PooledEnsemble(
            {name: WeightedEnsemble(sizes, classes, included) for name, included in heads.items()}
        )

    def _copy_parts(self) -> None:
        """Make room for an earlier state of encoders and heads."""
        encoders, heads = copy.deepcopy(self.encoders), copy.deepcopy(self.heads)
        self.kept_encoders, self.kept_heads = encoders.eval(), heads.eval()

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
            own = {m: self.encoders[m](x) for m, x in inputs.items()}
            if self.kept_encoders is not None:
                earlier = {m: self.kept_encoders[m](x) for m, x in inputs.items()}
                return {m: torch.cat([own[m], earlier[m]], dim=1) for m in own}
        if self.loss_scale is None:
            return own
        return {m: self.loss_scale.embedding(e) for m, e in own.items()}

    def unimodal_logits(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the logits `(B, classes)` of these modalities' own heads."""
        own, _ = self._split(embeddings)
        with self._precision_of(embeddings):
            return {m: self.heads[m](e).float() for m, e in own.items()}

    def _split(
        self, embeddings: Mapping[str, Tensor]
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return the embeddings of the network, and those of its earlier state where it has one."""
        if self.kept_heads is None:
            return embeddings, {}
        halves = {m: e.chunk(2, dim=1) for m, e in embeddings.items()}
        return {m: own for m, (own, _) in halves.items()}, {m: e for m, (_, e) in halves.items()}

    def fuse(
        self, embeddings: Mapping[str, Tensor], unimodal: Mapping[str, Tensor] | None = None
    ) -> Outputs:
        """Return the outputs for embeddings of all modalities.

        `unimodal` are logits to fuse in place of those that the heads give.
        """
        own = self.unimodal_logits(embeddings) if unimodal is None else dict(unimodal)
        present, earlier = self._split(embeddings)
        with self._precision_of(embeddings):
            fused = self.fusion(self._fused_embeddings(present), own).float()
            heads = self.heads if self.kept_heads is None else self.kept_heads
            kept = {kept_head(m): heads[m](e).float() for m, e in earlier.items()}
        if self.ensemble is not None:
            fused = self.ensemble(embeddings, {**own, FUSED: fused, **kept})
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
    """Before weights are loaded: ensemble, earlier state and mask where `state` has them."""
    device = next(network.parameters()).device
    network.ensemble = network.kept_encoders = network.kept_heads = None
    if f"{prefix}ensemble.weights" in state:
        network.ensemble = network.new_ensemble(network.modalities).to(device)
    if f"{prefix}ensemble.members.{KEPT}.weights" in state:
        network.ensemble = network.new_pool(network.modalities).to(device)
        network._copy_parts()
    fused = state.get(f"{prefix}fused")
    network.fused = None if fused is None else torch.ones_like(fused, device=device)


def kept_head(modality: str) -> str:
    """Return the name of a modality's head in the earlier state of a pool."""
    return f"{KEPT} {modality}"


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
