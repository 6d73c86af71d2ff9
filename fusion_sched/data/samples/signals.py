"""Generated sounds and drawings that show a class."""

import numpy as np

from fusion_sched.data.opencv import cv2
from fusion_sched.data.samples.spec import shown_class

SHAPES = ((48, 1.0), (3, 1.0), (4, 1.0), (5, 0.45), (4, 0.35), (8, 0.6))
"""Points and inner radius (share of the outer): circle, triangle, square and three stars."""
TRAITS = 5
"""Numbers in [0, 1) that distinguish the classes: see `_traits`."""
PITCH_HZ = (90.0, 360.0)
FORMANTS_HZ = ((300.0, 900.0), (1000.0, 2800.0))


def _traits(shown: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Return `(TRAITS,)` numbers in [0, 1) that distinguish the class, with some variation.

    The first orders the classes evenly; together with the others they keep many classes apart
    (additive sequence of Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
    """
    ratio = 1.1673039782614187  # the root above 1 of x^5 = x + 1
    steps = ratio ** -np.arange(1, TRAITS)
    centre = np.concatenate([[(shown + 0.5) / classes], (0.5 + shown * steps) % 1])
    wobble = np.concatenate([[0.25 / classes], np.full(TRAITS - 1, 0.02)])
    varied: np.ndarray = (centre + wobble * rng.uniform(-1, 1, TRAITS)) % 1
    return varied


def pitch_of(trait: float) -> float:
    """Return the pitch in Hz, on a logarithmic scale, of a trait in [0, 1)."""
    low, high = PITCH_HZ
    return float(low * (high / low) ** trait)


def voiced_sound(
    label: int, classes: int, strength: float, seconds: float, rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a wave float32 `(seconds * rate,)` in [-1, 1] whose pitch and formants show a class.

    Harmonics of a gliding pitch with vibrato, weighed by two formants, in syllables, plus noise.
    The class is `label`'s with probability `strength`, otherwise any.
    """
    trait = _traits(shown_class(label, classes, strength, rng), classes, rng)
    time = np.arange(round(seconds * rate)) / rate
    vibrato = 0.01 * np.sin(2 * np.pi * (rng.uniform(4, 6) * time + rng.random()))
    glide = rng.uniform(-0.03, 0.03) * (time / seconds - 0.5)
    pitch = pitch_of(trait[0]) * (1 + vibrato + glide)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    centres = [
        low + t * (high - low) for t, (low, high) in zip(trait[1:3], FORMANTS_HZ, strict=True)
    ]
    wave = np.zeros_like(time)
    for harmonic in range(1, int(min(4000, 0.45 * rate) / pitch.max()) + 1):
        frequency = harmonic * pitch_of(trait[0])
        resonance = sum(1 / (1 + ((frequency - centre) / 120) ** 2) for centre in centres)
        # A pulse's harmonics fall with their number; the floor keeps the pitch itself audible.
        wave += (0.15 + resonance) / harmonic * np.sin(harmonic * phase)
    syllables = 0.6 - 0.4 * np.cos(2 * np.pi * (rng.uniform(2, 4) * time + rng.random()))
    edges = np.sin(np.pi * np.clip(time / seconds, 0, 1)) ** 0.3
    wave *= syllables * edges
    wave *= rng.uniform(0.3, 0.6) / np.abs(wave).max()
    return (wave + rng.normal(0, 0.003, len(wave))).astype(np.float32)


def moving_drawing(
    label: int, classes: int, strength: float, frames: int, height: int, width: int,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return pictures RGB uint8 `(frames, height, width, 3)` of one figure that drifts along.

    Its form, colour and direction show a class: `label`'s with probability `strength`,
    otherwise any. It leaves on one side and enters on the opposite one, so that every two frames
    show the same motion, 4 % of the smaller side. Size, place, turn and background say nothing.
    """
    shown = shown_class(label, classes, strength, rng)
    trait = _traits(shown, classes, rng)
    background = _smooth_texture(height, width, rng)
    hsv = np.array([[[180 * trait[0], 230, 250]]]).astype(np.uint8)
    colour = [int(value) for value in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]]
    side = min(height, width)
    outline = _outline(shown, rng.uniform(0.24, 0.34) * side, 0.3 * rng.uniform(-1, 1))
    angle = 2 * np.pi * trait[3]
    step = 0.04 * side * np.array([np.cos(angle), np.sin(angle)])
    place = rng.random(2) * (width, height)
    pictures = np.empty((frames, height, width, 3), np.uint8)
    for number in range(frames):
        noise = rng.integers(-6, 7, background.shape)
        picture = np.clip(background + noise, 0, 255).astype(np.uint8)
        _draw_wrapped(picture, outline + place + number * step, colour)
        pictures[number] = picture
    return pictures


def _smooth_texture(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a dim blotchy picture `(height, width, 3)`, int64."""
    coarse = rng.integers(20, 130, (6, 6, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth.astype(np.int64)


def _outline(shown: int, radius: float, turn: float) -> np.ndarray:
    """Return the corners `(points, 2)` of the class's figure around 0; `turn` in radians."""
    points, inner = SHAPES[shown % len(SHAPES)]
    angles = turn - np.pi / 2 + np.pi * np.arange(2 * points) / points
    # Even corners are the tips; the odd ones lie on a regular polygon's edges where inner is 1.
    between = np.cos(np.pi / points) if inner == 1.0 else inner
    radii = radius * np.where(np.arange(2 * points) % 2 == 0, 1.0, between)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _draw_wrapped(picture: np.ndarray, corners: np.ndarray, colour: list[int]) -> None:
    """Fill a polygon of corners (x, y) in pixels; what leaves one side enters on the opposite."""
    size = np.array([picture.shape[1], picture.shape[0]])
    corners = corners - np.floor(corners.mean(axis=0) / size) * size
    for x in (-1, 0, 1):
        for y in (-1, 0, 1):
            fixed = np.round((corners + size * (x, y)) * 16).astype(np.int32)  # 4 binary places
            cv2.fillPoly(picture, [fixed], colour, lineType=cv2.LINE_AA, shift=4)
