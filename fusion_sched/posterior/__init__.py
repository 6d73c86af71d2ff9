"""Diagnosis through cross-fitted posteriors of the label: what embeddings really tell."""

from fusion_sched.posterior.estimate import PosteriorEstimate, State, estimate
from fusion_sched.posterior.intervals import PairEstimate, change
from fusion_sched.posterior.probe import PosteriorProbe

__all__ = ["PairEstimate", "PosteriorEstimate", "PosteriorProbe", "State", "change", "estimate"]
