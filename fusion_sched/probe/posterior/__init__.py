"""Diagnosis through cross-fitted posteriors of the label: what embeddings really tell."""

from fusion_sched.probe.posterior.estimate import PosteriorEstimate, State, estimate
from fusion_sched.probe.posterior.intervals import PosteriorPair, change
from fusion_sched.probe.posterior.probe import PosteriorProbe

__all__ = ["PosteriorEstimate", "PosteriorPair", "PosteriorProbe", "State", "change", "estimate"]
