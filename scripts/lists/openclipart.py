"""Write the list of Open Clip Art for `+experiment=openclipart`: picture, title, creator folds.

    python -m scripts.lists.openclipart FOLDER OUT.csv

FOLDER holds the pictures and `items.csv` with a row per picture: `file`, `category`, `title`,
`group` (its creator's number) and `creator_fold`. It is the `dataset.root` of the list;
docs/experiments.md tells how to make it. Beside OUT.csv, `random.csv` has no groups and no folds.
"""

import sys
from pathlib import Path

import pandas as pd

COLUMNS = {
    "file": "image", "title": "title", "category": "label", "group": "group",
    "creator_fold": "fold",
}  # fmt: skip


def write_list(folder: Path, out: Path) -> int:
    """Write one row per picture; return how many."""
    items = pd.read_csv(folder / "items.csv", keep_default_na=False)
    missing = sorted(set(COLUMNS) - set(items.columns))
    if missing:
        raise SystemExit(f"{folder / 'items.csv'} lacks the columns {missing}")
    rows = items[list(COLUMNS)].rename(columns=COLUMNS)
    out.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(out, index=False)
    rows.drop(columns=["group", "fold"]).to_csv(out.with_name("random.csv"), index=False)
    return len(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder, out = map(Path, sys.argv[1:])
    print(f"{write_list(folder, out)} pictures in {out}")
