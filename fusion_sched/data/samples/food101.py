"""Sample data in the layout of UPMC Food-101."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fusion_sched.data.samples.files import write_frames
from fusion_sched.data.samples.signals import moving_drawing
from fusion_sched.data.samples.spec import SampleSpec, plan_sample, shown_class

DISHES = (
    "apple_pie", "beef_tartare", "cheesecake", "donuts", "edamame", "falafel", "gyoza", "hummus",
    "lasagna", "nachos", "paella", "waffles",
)  # fmt: skip
WORDS = ("easy", "recipe", "best", "homemade", "quick", "with", "and", "the", "from", "blog")


def write_food101(out: Path, spec: SampleSpec, lists: Mapping[str, Path]) -> None:
    """Write drawings and titles of up to twelve classes, twelve or more of each, and the lists."""
    rows: dict[str, str] = dict.fromkeys(lists, "")
    clips = plan_sample(spec, len(DISHES), 12, ("train",) * 5 + ("test",))
    for number, clip in enumerate(clips):
        dish = DISHES[clip.label]
        rng = np.random.default_rng([spec.seed, number])
        picture = moving_drawing(
            clip.label, len(DISHES), spec.strength_of("image"), 1, 96, 128, rng
        )
        folder = out / "images" / clip.split / dish
        write_frames(folder, picture, pattern=f"{dish}_{{}}.jpg", first=number)
        title = draw_title(clip.label, spec.strength_of("text"), len(DISHES), rng)
        rows[clip.split] += f'{dish}_{number}.jpg,"{title}",{dish}\n'
    for split, path in lists.items():
        (out / path).parent.mkdir(exist_ok=True)
        (out / path).write_text(rows[split], encoding="utf-8")


def draw_title(label: int, strength: float, classes: int, rng: np.random.Generator) -> str:
    """Return a title of three to eight words, one or two of which name one of the classes."""
    shown = shown_class(label, classes, strength, rng)
    words = [str(word) for word in rng.choice(WORDS, int(rng.integers(2, 7)))]
    words.insert(int(rng.integers(len(words) + 1)), DISHES[shown].replace("_", " "))
    return " ".join(words).title()
