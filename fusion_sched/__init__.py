"""fusion_sched: two-stage training of multimodal classifiers, scheduled by information.

Stage 1 trains each modality alone, stage 2 trains them jointly; a partial information
decomposition of the embeddings, in bits, decides who trains and when the joint stage starts
(arXiv 2509.20840). Start with ``fusion-sched train`` or, for the solver alone,
``from fusion_sched.pid import decompose``.
"""

__version__ = "0.1.0"
