"""Studies of the tractable model of modality competition: its claims and their numerical tests.

    result = run(PROFILES["quick"], pick_device("auto"), Memory("outputs/theory/parts"))
    for claim, about in tables(result).items(): ...
    for claim, (verdict, sentence) in verdicts(result).items(): ...

Model, definitions and what of them is reconstructed: `docs/theory.md`.
"""

from scripts.studies.theory.profiles import PROFILES, Profile
from scripts.studies.theory.series import (
    Line,
    Point,
    Series,
    proxy_series,
    rate_series,
    winner_series,
)
from scripts.studies.theory.study import run
from scripts.studies.theory.tables import Table, tables
from scripts.studies.theory.verdicts import Verdict, verdicts

__all__ = [
    "PROFILES",
    "Line",
    "Point",
    "Profile",
    "Series",
    "Table",
    "Verdict",
    "proxy_series",
    "rate_series",
    "run",
    "tables",
    "verdicts",
    "winner_series",
]
