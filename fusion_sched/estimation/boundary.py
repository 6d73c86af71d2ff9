"""Shrink the bootstrap distribution towards zero unique information.

min over Q of I_Q is not smooth where a uniqueness is zero: there all chance differences between
P(y | x1) and P(y | x2) count, and the histogram's uniqueness is too high by far more than
elsewhere. A bootstrap from the histogram corrects half of it, because there the differences are
real. So, where the data do not contradict it, tables are drawn from a joint whose uniqueness is
(almost) zero.

X1 has no unique information exactly if P(x1, y) = sum_x2 T(x1 | x2) P(x2, y) for some channel T
(Blackwell order; Bertschinger et al. 2014, section 4).
"""

from __future__ import annotations

import numpy as np

from fusion_sched.estimation.entropies import Array

PLAUSIBLE = 4.0  # chi-square per degree of freedom at which the weight of U = 0 is one half
AHEAD = 2.5  # standard errors of I(X1;Y) - I(X2;Y) at which the weight of U1 = 0 is one half
SHARPNESS = 6.0  # how fast the weight falls there
ROUNDS = 3  # of moving the marginals; each about halves the uniqueness that is left
STEPS = 30  # of expectation-maximisation for the channel, each round
BLUR = 0.1  # of uniform mass in the first channel, so that no entry starts at zero
SWEEPS = 20  # of scaling to the new marginals; what they miss is far below the sampling error


def boundary_weights(counts: Array, coupling: Array) -> tuple[Array, Array]:
    """How far the samples allow that source 1, source 2 has no unique information: 0 to 1, (b,).

    `counts` are (b, n1, n2, ny), and `coupling` (b, n1, n2) is Q*(x1, x2) of the optimum. Passing
    x2 through Q*(x1 | x2) gives a source without unique information; a chi-square statistic says
    how far x1 is from it, and likewise for x2. Besides, unique1 >= I(X1;Y) - I(X2;Y): a source that
    has clearly more information than the other has unique information.
    """
    samples = counts.sum((1, 2, 3))[:, None, None]
    first, second = counts.sum(2) / samples, counts.sum(1) / samples
    from2 = _channel_of(coupling) @ second
    from1 = _channel_of(coupling.swapaxes(1, 2)) @ first
    lead = _lead(counts, first, second)
    belief1 = _indistinct(first, from2, samples) * _not_ahead(lead)
    belief2 = _indistinct(second, from1, samples) * _not_ahead(-lead)
    return belief1, belief2


def towards_boundary(
    p: Array, counts: Array, coupling: Array, boundary_weight: tuple[Array, Array]
) -> Array:
    """Scale p (b, n1, n2, ny) to the marginals of the counts, moved as far as is believed.

    Each goes towards what the best channel makes of the other; where both uniquenesses may be zero
    they meet half-way.
    """
    samples = counts.sum((1, 2, 3))[:, None, None]
    one, two = counts.sum(2) / samples, counts.sum(1) / samples
    channel1, channel2 = (_blurred(_channel_of(c)) for c in (coupling, coupling.swapaxes(1, 2)))
    believed1, believed2 = (b[:, None, None] for b in boundary_weight)
    for _ in range(ROUNDS):
        channel1 = _fitted(channel1, one, two)
        channel2 = _fitted(channel2, two, one)
        toward1, toward2 = channel1 @ two - one, channel2 @ one - two
        one = one + believed1 * (1 - believed2 / 2) * toward1
        two = two + believed2 * (1 - believed1 / 2) * toward2
    return _scaled(p, one, two)


def _channel_of(coupling: Array) -> Array:
    """Q(i | j) from Q(i, j), (b, n1, n2)."""
    return np.asarray(coupling / np.maximum(coupling.sum(1, keepdims=True), 1e-300))


def _blurred(channel: Array) -> Array:
    occurs = channel.sum(2, keepdims=True) > 0
    return np.asarray((1 - BLUR) * channel + BLUR * occurs / occurs.sum(1, keepdims=True))


def _fitted(channel: Array, target: Array, source: Array) -> Array:
    """The channel of greatest likelihood, sum target log(channel @ source), by its EM algorithm."""
    mass = np.maximum(source.sum(2), 1e-300)[:, None, :]
    for _ in range(STEPS):
        ratio = target / np.maximum(channel @ source, 1e-300)
        channel = channel * (ratio @ source.swapaxes(1, 2)) / mass
    return channel


def _indistinct(marginal: Array, model: Array, samples: Array) -> Array:
    off = samples * (marginal - model) ** 2 / np.maximum(model, 0.1 / samples)
    symbols, classes = (marginal.sum(2) > 0).sum(1), (marginal.sum(1) > 0).sum(1)
    freedom = np.maximum((symbols - 1) * (classes - 1), 1)
    return np.asarray(1 / (1 + (off.sum((1, 2)) / (PLAUSIBLE * freedom)) ** SHARPNESS))


def _lead(counts: Array, first: Array, second: Array) -> Array:
    """I(X1;Y) - I(X2;Y) in its standard errors, (b,)."""
    known1, known2 = (
        np.log(np.maximum(m, 1e-300) / np.maximum(m.sum(2, keepdims=True), 1e-300))
        for m in (first, second)
    )
    ahead = np.where(counts > 0, known1[:, :, None] - known2[:, None], 0.0)
    samples = counts.sum((1, 2, 3))
    mean = (counts * ahead).sum((1, 2, 3)) / samples
    square = (counts * ahead**2).sum((1, 2, 3)) / samples
    error = np.sqrt(np.maximum(square - mean**2, 1e-30) / samples)
    return np.asarray(mean / error)


def _not_ahead(lead: Array) -> Array:
    return np.asarray(1 / (1 + (np.maximum(lead, 0.0) / AHEAD) ** SHARPNESS))


def _scaled(p: Array, marginal1: Array, marginal2: Array) -> Array:
    for _ in range(SWEEPS):
        p = p * (marginal1 / np.maximum(p.sum(2), 1e-300))[:, :, None, :]
        p = p * (marginal2 / np.maximum(p.sum(1), 1e-300))[:, None, :, :]
    return np.asarray(p / p.sum((1, 2, 3), keepdims=True))
