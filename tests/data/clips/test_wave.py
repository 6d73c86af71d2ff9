"""A wave has its length, its moments, and is refused where it cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fusion_sched.data.clips.types import Clip
from fusion_sched.data.clips.wave import Wave
from fusion_sched.data.files import Files


def clip_of(path: Path, samples: np.ndarray) -> Clip:
    soundfile.write(path, samples, 8000)
    return Clip("clip", 0, "train", {"audio": path})


def test_a_short_sound_is_repeated_or_padded(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 4000))
    tiled = Wave(rate=8000, seconds=1.0, standardise=False)
    padded = Wave(rate=8000, seconds=1.0, short="silence", standardise=False)
    assert tiled.shape == tiled.read(clip).shape == (1, 8000)
    assert np.allclose(tiled.read(clip)[0, :4000], tiled.read(clip)[0, 4000:])
    assert np.allclose(padded.read(clip)[0, :4000], tiled.read(clip)[0, :4000])
    assert not padded.read(clip)[0, 4000:].any()


def test_its_own_moments_are_taken_out(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "a.wav", 0.1 + 0.2 * np.sin(np.arange(16000)))
    wave = Wave(seconds=1.0).read(clip)
    assert wave.mean() == pytest.approx(0, abs=1e-4)
    assert wave.std() == pytest.approx(1, abs=1e-3)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(ValueError, match="short is 'loop'"):
        Wave(short="loop")
    with pytest.raises(ValueError, match="seconds 0, expected at least one sample"):
        Wave(seconds=0.0)


def test_a_list_has_waves_by_kind(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["sound,label"]
    for number in range(20):
        clip_of(tmp_path / f"{number}.wav", rng.normal(size=800) * 0.1)
        rows.append(f"{number}.wav,{'ab'[number % 2]}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    kinds = {"sound": {"kind": "wave", "seconds": 0.1, "rate": 8000}}
    splits = Files(list=str(tmp_path / "list.csv"), modalities=kinds).load()
    assert splits.shapes == {"sound": (1, 800)}
    assert splits.preprocessing["sound"]["reader"] == "Wave"
