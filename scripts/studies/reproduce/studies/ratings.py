"""How much of an emotion is in the voice, in the face, in both? CREMA-D's human ratings."""

from pathlib import Path
from typing import Any

import pandas as pd

from fusion_sched.probe import diagnose
from fusion_sched.report.html.document import Table, Text
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings

PLACE = "cremad_ratings"
VOTES = {"voice": "VoiceVote", "face": "FaceVote"}


def run(settings: Settings, numbers: Measurements) -> None:
    """Decompose what raters heard and saw, where their table is here."""
    if PLACE in settings.paths:
        numbers.measure("ratings", decomposed, settings.paths[PLACE])


def decomposed(table: Path) -> dict[str, Any]:
    """Return each quantity in bits with its interval and its level under shuffled labels."""
    votes = pd.read_csv(table)
    missing = {"FileName", *VOTES.values()} - set(votes.columns)
    if missing:
        raise ValueError(f"{table} has no columns {sorted(missing)}; expected CREMA-D's own table")
    emotion = votes["FileName"].str.split("_").str[2]
    labels = {name: votes[column].astype("category").cat.codes.to_numpy()
              for name, column in VOTES.items()}  # fmt: skip
    diagnosis = diagnose(labels, emotion.astype("category").cat.codes.to_numpy())
    assert diagnosis.redundancy is not None, "two modalities"
    assert diagnosis.synergy is not None, "two modalities"
    measures = {
        "unique voice": diagnosis.unique["voice"], "unique face": diagnosis.unique["face"],
        "redundancy": diagnosis.redundancy, "synergy": diagnosis.synergy,
        "I(voice; Y)": diagnosis.mi["voice"], "I(face; Y)": diagnosis.mi["face"],
        "I(both; Y)": diagnosis.joint_mi,
    }  # fmt: skip
    rows = {name: [m.value, m.low, m.high, m.null] for name, m in measures.items()}
    return {"rows": rows, "clips": len(votes)}


def conclude(settings: Settings, values: Values) -> Finding:
    """Say whether the human ratings agree with the picture that the method draws of CREMA-D."""
    if "ratings" not in values:
        place = settings.missing.get(PLACE, "its place in PATHS")
        sentence = (
            f"CREMA-D's ratings are not at {place}: they are processedResults/summaryTable.csv of "
            "its repository. Then: make reproduce-paper"
        )
        return Finding(Verdict.NEEDS, sentence, [Text(["Nothing was measured."])])
    quantities, clips = values["ratings"]["rows"], values["ratings"]["clips"]
    face, voice = quantities["unique face"], quantities["unique voice"]
    apart = face[1] > voice[2] or voice[1] > face[2]
    sentence = (
        f"People's votes: only the face tells {face[0]:.3f} bit [{face[1]:.3f}, {face[2]:.3f}] of "
        f"the intended emotion, only the voice {voice[0]:.3f} [{voice[1]:.3f}, {voice[2]:.3f}], "
        f"both alike {quantities['redundancy'][0]:.3f}, and only the two together "
        f"{quantities['synergy'][0]:.3f}. "
    ) + ("The imbalance that the method is built for is in the task itself." if apart else
         "The two do not differ.")  # fmt: skip
    rows = [[n, f"{v:.3f}", f"{low:.3f} … {high:.3f}", "–" if null is None else f"{null:.3f}"]
            for n, (v, low, high, null) in quantities.items()]  # fmt: skip
    header = ["information", "bit", "95 % interval", "shuffled labels"]
    caption = f"{clips:,} clips; votes of the crowd that heard, or saw, each clip."
    return Finding(Verdict.of(apart), sentence, [Table(header, rows, caption)],
                [settings.paths[PLACE]] if PLACE in settings.paths else [])  # fmt: skip


CLAIM = Claim(
    name="ratings",
    title="CREMA-D in the eyes and ears of people",
    claim="Modalities of real datasets differ in the information that is theirs alone.",
    source=SUMMARIES + "; the premise of the method, checked without any network",
    ran="The votes of people who heard only the voice or saw only the face of each CREMA-D clip, "
    "decomposed against the intended emotion.",
    holds_if="the intervals of the two uniquenesses do not overlap",
    measure=run,
    conclude=conclude,
)
