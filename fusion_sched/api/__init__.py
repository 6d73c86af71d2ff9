"""Python's side of the command line: train, load a model, and a classifier of scikit-learn's kind.

The names are to be had from `fusion_sched` itself, which imports this package at their first use.
"""

from fusion_sched.api.classifier import FusionClassifier
from fusion_sched.api.model import Model, load
from fusion_sched.api.runs import RunResult, train

__all__ = ["FusionClassifier", "Model", "RunResult", "load", "train"]
