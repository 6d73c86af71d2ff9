"""Two-stage training of multimodal classifiers, scheduled by partial information decomposition.

Stage 1 trains each modality alone, stage 2 trains them jointly. A partial information decomposition
of the embeddings, in bits, decides which modality trains and when the joint stage starts
(arXiv 2509.20840). On the command line: `fusion-sched train`; in Python: `train`, `load` and
`FusionClassifier`. Everything named here is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_sched.api import FusionClassifier, load, train
    from fusion_sched.pid import decompose
    from fusion_sched.probe import diagnose

__all__ = ["FusionClassifier", "__version__", "decompose", "diagnose", "load", "train"]
__version__ = "0.1.0"

_MODULES = {
    "decompose": "fusion_sched.pid",
    "diagnose": "fusion_sched.probe",
    **dict.fromkeys(("FusionClassifier", "load", "train"), "fusion_sched.api"),
}

if not TYPE_CHECKING:  # type checkers would accept every name

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
