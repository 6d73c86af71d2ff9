"""The claims, in the order of the report."""

from scripts.studies.reproduce.studies import (
    controllers,
    correlation,
    datasets,
    diagnostic,
    ecs,
    gradient,
    methods,
    more_modalities,
    proxy,
    ratings,
    recovery,
    solver,
)

CLAIMS = (
    datasets.CLAIM,
    methods.CLAIM,
    controllers.MI,
    controllers.ABLATION,
    controllers.SPEED,
    correlation.CLAIM,
    solver.CLAIM,
    proxy.CLAIM,
    gradient.CLAIM,
    diagnostic.CLAIM,
    recovery.CLAIM,
    ecs.WINNER,
    ecs.RATES,
    ecs.PROXY,
    ratings.CLAIM,
    more_modalities.CLAIM,
)
"""Several claims may read one numbers: they share its name and its measurements."""
