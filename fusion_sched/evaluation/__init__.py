"""What a trained network does without a modality or with a noisy one, how far its probabilities can
be trusted, and what each modality adds.

    means = mean_embeddings(model, plain_train)
    robustness = evaluate_robustness(model, test, means, seed=0)
"""

from fusion_sched.evaluation.calibration import Calibration, calibration_error, calibration_of
from fusion_sched.evaluation.contribution import MOST_MODALITIES, Contribution, contribution_of
from fusion_sched.evaluation.noise import Gaussian, Noise, Replaced, noises_for
from fusion_sched.evaluation.robustness import (
    NoiseCurve,
    Robustness,
    evaluate_robustness,
    mean_embeddings,
)

__all__ = [
    "MOST_MODALITIES",
    "Calibration",
    "Contribution",
    "Gaussian",
    "Noise",
    "NoiseCurve",
    "Replaced",
    "Robustness",
    "calibration_error",
    "calibration_of",
    "contribution_of",
    "evaluate_robustness",
    "mean_embeddings",
    "noises_for",
]
