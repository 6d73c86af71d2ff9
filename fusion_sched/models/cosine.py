"""MMCosine: fused logits of angles alone, so that no modality wins by the length of its vectors."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class MMCosine(nn.Module):
    """The scaled sum of each modality's cosines with its class weights (Xu et al., ICASSP 2023).

    logits_c = `scale` Σ_m cos(W_m,c, φ_m) for class c, embedding φ_m and one weight vector W_m,c
    without bias: every modality adds between -`scale` and `scale`, however large its embedding
    has grown. A zero embedding has no direction and adds 0. 10 is the authors' scale on CREMA-D;
    any number of modalities.

    Cosines bound how sure the fused logits can be: with k modalities the cross-entropy of two
    classes stays above ln(1 + exp(-2 k `scale`)).

    Where we differ: the authors put the cosines in the place of the logits of whichever fusion has
    been chosen, while training; here they are the fusion, in training and in evaluation.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int, scale: float = 10.0) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale is {scale}, expected more than 0")
        self.scale = scale
        self.weights = nn.ParameterDict(
            {m: nn.Linear(size, classes, bias=False).weight for m, size in sizes.items()}
        )

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        cosines = [
            linear(normalize(embeddings[m], dim=1), normalize(weight, dim=1))
            for m, weight in self.weights.items()
        ]
        return self.scale * torch.stack(cosines).sum(dim=0)
