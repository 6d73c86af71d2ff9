"""docs/compare.md explains every column and role."""

from pathlib import Path

from fusion_sched.analysis.grid import COMPACT, COST_COLUMNS, TEST_COLUMNS
from fusion_sched.analysis.rows import ROLES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")


def test_every_column_and_role_is_explained() -> None:
    for column in (*COMPACT, *TEST_COLUMNS, *COST_COLUMNS):
        assert f"| `{column.header}` |" in DOCUMENT
    for key, role in ROLES.items():
        assert f"| `{key}` | {role} |" in DOCUMENT
