"""Diagnosis through cross-fitted posteriors of the label: what embeddings really tell."""

from fusion_sched.posterior.estimate import PosteriorEstimate, State, estimate
from fusion_sched.posterior.intervals import PairEstimate, change

__all__ = ["PairEstimate", "PosteriorEstimate", "State", "change", "estimate"]
