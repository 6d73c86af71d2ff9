"""Write the list of RAVDESS speech for `+experiment=ravdess`: sound, facial action units, folds.

    python -m scripts.lists.ravdess SOUNDS UNITS OUT.csv

SOUNDS is a folder with the speech recordings, `03-01-EMOTION-…-ACTOR.wav`, at any depth: it is the
`dataset.root` of the list. UNITS is a
CSV whose first column is the clip and whose columns `AU…` are its action units, as OpenFace gives
them, one row per clip. Both are described, with their sources, in docs/experiments.md.
"""

import sys
from pathlib import Path

import pandas as pd

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
FOLDS = (
    (2, 5, 14, 15, 16),
    (3, 6, 7, 13, 18),
    (10, 11, 12, 19, 20),
    (8, 17, 21, 23, 24),
    (1, 4, 9, 22),
)
"""The actors of each fold: Luna-Jiménez et al., Applied Sciences 12(1), 327, 2022."""
SPEECH = "03-01-*.wav"
CLIP_FIELDS = 6
"""A clip is named by its last six fields; those before say sound or video, which differ."""


def write_list(sounds: Path, units: Path, out: Path) -> int:
    """Write one row per clip that has both; return how many."""
    rows = pd.DataFrame(_recording(path, sounds) for path in sorted(sounds.rglob(SPEECH)))
    if rows.empty:
        raise SystemExit(f"{sounds} holds no file {SPEECH}; expected RAVDESS's speech recordings")
    table = pd.read_csv(units)
    measured = [name for name in table.columns if name.startswith("AU")]
    if not measured:
        raise SystemExit(f"{units} has no column AU…; expected the action units, one row per clip")
    table["clip"] = table.iloc[:, 0].map(_clip_of)
    joined = rows.merge(table[["clip", *measured]], on="clip", how="outer", indicator=True)
    single = joined[joined["_merge"] != "both"]
    if len(single):
        first = single["clip"].iloc[0]
        print(f"left out {len(single)} clips that have only one of the two: {first} …")
    both = (
        joined[joined["_merge"] == "both"]
        .drop(columns="_merge")
        .astype({"group": int, "fold": int})
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    both.to_csv(out, index=False)
    return len(both)


def _recording(path: Path, root: Path) -> dict[str, object]:
    fields = path.stem.split("-")
    actor = int(fields[-1])
    return {
        "clip": _clip_of(path.stem),
        "audio": path.relative_to(root).as_posix(),
        "label": EMOTIONS[int(fields[2]) - 1],
        "group": actor,
        "fold": next(number for number, actors in enumerate(FOLDS) if actor in actors),
    }


def _clip_of(name: str) -> str:
    return "-".join(str(name).removesuffix(".csv").split("-")[-CLIP_FIELDS:])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    sounds, units, out = map(Path, sys.argv[1:])
    print(f"{write_list(sounds, units, out)} clips in {out}")
