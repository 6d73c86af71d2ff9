"""docs/compare.md explains every column and role."""

from pathlib import Path

from fusion_sched.analysis.cells import BESIDES, COMPACT
from fusion_sched.analysis.roles import Role

DOCUMENT = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")


def test_every_column_and_role_is_explained() -> None:
    for column in (*COMPACT, *BESIDES):
        assert f"| `{column.header}` |" in DOCUMENT
    for role in Role:
        if role is not Role.OTHER:
            assert role.value in DOCUMENT
