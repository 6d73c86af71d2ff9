"""Whether the numbers support each claim, by rules that were fixed before the large run."""

from typing import Any, NamedTuple

from scripts.studies.theory.rates import FROM_SCRATCH
from scripts.studies.theory.tables import interval, percent, shares
from scripts.studies.theory.winner import CLEAR

RIGHT = 0.9
"""ECS should tell the winner of more contested classes than this, where it is clear."""
NEAR = 0.25
"""An exponent is the claimed one if it is this near: a quarter of what lies between the claims."""
MONOTONE = 0.8
"""MI rises with ECS if the mean rank correlation, with its interval, is above this."""
BEHIND = 0.05
"""MI tells winners as well as ECS does if it is right this much more seldom, at most."""


class Verdict(NamedTuple):
    """`"reproduced"` or `"not reproduced"`, and a sentence that says by what numbers."""

    verdict: str
    sentence: str


def verdicts(result: dict[str, Any]) -> dict[str, Verdict]:
    """Return the verdict on `"winner"`, `"rates"` and `"proxy"`."""
    summary = result["summary"]
    judged_share = result["knobs"]["rates"]["judged_share"]
    return {
        "winner": winner_verdict(summary["winner"]),
        "rates": rates_verdict(summary["rates"]["ladders"], judged_share),
        "proxy": proxy_verdict(summary["proxy"]["worlds"]),
    }


def verdict(holds: bool, sentence: str) -> Verdict:
    """Return a verdict."""
    return Verdict("reproduced" if holds else "not reproduced", sentence)


def winner_verdict(winner: dict[str, Any]) -> Verdict:
    """Reproduced if the interval of the share of right predictions is above 90 %."""
    contested, at_end = (winner["pooled"][name] for name in ("contested", "all at the end"))
    clear = contested["clear"]
    caught_up = [case["caught_up"]["value"] for case in winner["cases"].values()]
    known = [share for share in caught_up if share is not None]
    range_caught_up = f"{percent(min(known))} to {percent(max(known))}" if known else "none"
    return verdict(
        clear["value"] is not None and clear["low"] > RIGHT,
        f"Where one modality's ECS at the start is more than {CLEAR} times the other's, that "
        f"modality wins {shares(clear)} of {contested['clear_count']} contested classes (expected: "
        f"more than {percent(RIGHT)}). At the end of training it has the larger Γ in "
        f"{shares(at_end['clear'])} of all such classes: losers catch up in {range_caught_up} of "
        "the contested classes, by case.",
    )


def rates_verdict(ladders: dict[str, Any], judged_share: float) -> Verdict:
    """Reproduced if both exponents of the first ladder are near theirs and differ significantly."""
    name, first = next(iter(ladders.items()))
    joint, shaped = (by_share(first, share) for share in (FROM_SCRATCH, judged_share))
    gain = shaped["gain"]
    exponents = joint["exponent"], shaped["exponent"]
    if any(exponent["value"] is None for exponent in exponents) or gain["value"] is None:
        return verdict(False, "Too few wrong answers to fit an exponent: use more test samples.")
    holds = (
        abs(joint["exponent"]["value"] - 1) <= NEAR
        and abs(shaped["exponent"]["value"] - 2) <= NEAR
        and gain["low"] > 0
    )
    others = "; ".join(
        f"{other}: {interval(by_share(ladder, FROM_SCRATCH)['exponent'])} and "
        f"{interval(by_share(ladder, judged_share)['exponent'])}"
        for other, ladder in ladders.items()
        if other != name
    )
    return verdict(
        holds,
        f"Fused test error falls like K^-a with a = {interval(joint['exponent'])} trained jointly "
        f"from scratch ({inside(joint['exponent'], 1)}) and a = {interval(shaped['exponent'])} "
        f"with {percent(judged_share)} of the same number of steps unimodal "
        f"({inside(shaped['exponent'], 2)}); the difference is {interval(gain)} (expected: within "
        f"{NEAR} of 1 and of 2, and a difference above 0). Elsewhere: {others or 'not tried'}.",
    )


def by_share(ladder: dict[str, Any], share: float) -> dict[str, Any]:
    """Return the condition with this share of unimodal steps."""
    condition: dict[str, Any] = next(c for c in ladder["conditions"] if c["share"] == share)
    return condition


def inside(exponent: dict[str, Any], claimed: int) -> str:
    """Say whether an interval has the claimed exponent in it."""
    held = exponent["low"] <= claimed <= exponent["high"]
    return f"{claimed} is {'inside' if held else 'outside'} of the interval"


def proxy_verdict(worlds: dict[str, Any]) -> Verdict:
    """Reproduced if MI of the responses rises with ECS everywhere and tells winners as ECS does."""
    correlations = [
        stage["response"]["spearman"] for world in worlds.values()
        for stage in world["within"].values()
    ]  # fmt: skip
    monotone = all(c["low"] is not None and c["low"] > MONOTONE for c in correlations)
    starts = [world["predictions"]["start"] for world in worlds.values()]
    halfway = [world["predictions"]["halfway"] for world in worlds.values()]
    telling = all(
        start["response"]["behind"]["value"] is not None
        and start["response"]["behind"]["value"] <= BEHIND
        for start in starts
    )
    return verdict(
        monotone and telling,
        f"Within a run MI of the responses {'rises' if monotone else 'does not rise'} "
        f"significantly with ECS: mean Spearman {listed(correlations, interval)} by data and "
        f"stage (expected: intervals above {MONOTONE}). At the start of joint training it "
        f"{'tells' if telling else 'does not tell'} which modality wins a contested class: right "
        f"in {listed([s['response']['classes'] for s in starts], shares)}, where ECS is right in "
        f"{listed([s['ecs']['classes'] for s in starts], shares)}; halfway to the decision in "
        f"{listed([h['response']['classes'] for h in halfway], shares)} (expected: at the start, "
        f"at most {percent(BEHIND)} behind ECS).",
    )


def listed(values: list[dict[str, Any]], written: Any) -> str:
    """Return intervals behind one another."""
    return ", ".join(written(value) for value in values)
