"""From embeddings and labels to information atoms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid import Scaling
from fusion_sched.pid.problem import conditional_value
from fusion_sched.posterior.features import prepare
from fusion_sched.posterior.folds import make_folds
from fusion_sched.posterior.inputs import check_arrays, checked_labels, standardised
from fusion_sched.posterior.sources import joint, unimodal
from fusion_sched.posterior.tables import information_of, shared_cells, tables

LN2 = math.log(2.0)


def prototype(embeddings: Mapping[str, Tensor], y: Tensor, groups=None, seed=0):
    check_arrays(embeddings, y, groups)
    def fresh():
        return torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=fresh()).to(y.device)
    labels = checked_labels(y, order)
    folds = make_folds(labels.y, groups, order)
    names = sorted(embeddings)
    mods = [prepare(standardised(m, embeddings[m]), order, fresh()) for m in names]
    models = [unimodal(m, labels, folds) for m in mods]
    both = joint(mods, models, labels, folds)
    H = labels.entropy
    allm = [*models, both]
    gains = torch.stack([m.gains(labels) for m in allm])  # M,2,N
    full, half = gains[:, 0], gains[:, 1]
    lower = full.mean(-1)
    extra = folds.extrapolation * (full - half).mean(-1)
    info = (lower + extra.clamp(min=0)).clamp(min=0).minimum(H * torch.ones_like(lower))
    cell, post = shared_cells(torch.stack([m.log_p[0] for m in models]), labels, fresh())
    T = tables(cell, post, info[:2], labels)
    found = Scaling(tol=1e-3, max_iterations=3000).solve((T[:1], T[1:]))
    one = information_of(T)
    star = conditional_value(found.q)[0] + H
    star = torch.minimum(star, one.sum())
    both_i = torch.maximum(info[2], star)
    atoms = (one.sum() - star, star - one[1], star - one[0], both_i - star)
    return dict(atoms=[float(a) / LN2 for a in atoms], lower=(lower / LN2).tolist(), extra=(extra / LN2).tolist(),
                info=(info / LN2).tolist(), one=(one / LN2).tolist(), gap=float(found.gap) / LN2, shares=[m.shares for m in allm])
