"""From embeddings and labels to a `Diagnosis`; a probe never sees a model."""

from collections.abc import Mapping
from typing import Any

from fusion_sched.estimation import Settings
from fusion_sched.pid import Solver
from fusion_sched.probe.arrays import diagnose_arrays
from fusion_sched.probe.kmeans import KMeansProbe
from fusion_sched.probe.posterior import PosteriorProbe
from fusion_sched.probe.predictions import PredictionsProbe
from fusion_sched.probe.published import PublishedProbe
from fusion_sched.types import Diagnosis

__all__ = ["KMeansProbe", "PosteriorProbe", "PredictionsProbe", "PublishedProbe", "diagnose"]


def diagnose(
    modalities: Mapping[str, Any],
    y: Any,
    *,
    groups: Any = None,
    seed: int = 0,
    probe: str = "posterior",
    samples: int | None = 20_000,
    clusters: int | str = "auto",
    bias: str = Settings.bias,
    resamples: int = 100,
    shuffles: int = 20,
    solver: Solver | None = None,
) -> Diagnosis:
    """Diagnose your own arrays: what does each modality tell of the label, in bits?

    Floats are measurements and go to cross-fitted posteriors of the label. Integers and strings
    are symbols. Where all modalities are symbols, their table with the label is estimated, unless
    it has less than half a sample per cell, or less than two for a modality alone. There, beside
    measurements, and with groups, symbols become indicator columns of the posteriors: on sparse
    tables that has the smaller error, on others both agree.

    Parameters
    ----------
    modalities:
        Name -> floats (N, features) or (N,), or integers or strings (N,); numpy, pandas, lists or
        torch tensors, which stay on their device. Integers that are all distinct count as
        measurements, with a warning.
    y:
        Classes (N,): integers or strings.
    groups:
        Ids (N,) of what samples share, such as speakers: held out and resampled as a whole.
    seed:
        Of everything that is drawn.
    probe:
        `posterior`, or `kmeans`: tables always, with embeddings clustered by k-means.
    samples:
        At most that many samples, chosen at random, where some modality is measured; `None`: all.
    clusters, bias, resamples, shuffles:
        Settings of tables: clusters per modality of embeddings (`auto` or a number), correction
        (see `estimation.Settings`), draws behind the intervals, label permutations behind the
        p-values.
    solver:
        Of the decomposition; by default `FastPID()` for tables, and scaling to 1e-3 bits else.

    Raises
    ------
    ValueError
        Arrays of different length, missing values, NaN, negative labels, fewer than 12 samples of
        measurements, or settings of tables where there are none.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.integers(0, 2, (2, 2000))
    >>> diagnosis = diagnose({"a": a, "b": b}, a ^ b)
    >>> round(diagnosis.synergy.value, 1), round(diagnosis.unique["a"].high, 1)
    (1.0, 0.0)
    """
    tables = KMeansProbe(
        clusters=clusters, bias=bias, resamples=resamples, shuffles=shuffles, seed=seed
    )
    result = diagnose_arrays(
        modalities, y, groups, probe=probe, samples=samples, tables=tables, solver=solver
    )
    return result.diagnosis
