"""The published way to feed CREMA-D, rebuilt: every file decoded anew for every item and epoch.

After the dataset class of FastPID (arXiv 2509.20840), itself after OGM-GE's (Peng et al. 2022):
librosa loads and resamples the sound, tiles and cuts it to three seconds, takes the logarithm of
its STFT, resizes it to 224 × 224 and standardises it; PIL opens the first picture of the clip's
folder, crops at random and resizes to 224 × 224, flips, and ImageNet's mean and deviation are
taken out. torchvision's transforms are written out in the PIL and torch calls that they make.
"""

import math
import random
from pathlib import Path

import librosa
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

RATE, SAMPLES, N_FFT, HOP, SIZE = 22050, 66150, 512, 353, 224
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class PublishedCremaD(Dataset[tuple[Tensor, Tensor, int, int]]):
    """Spectrogram ``(1, 224, 224)``, picture ``(3, 1, 224, 224)``, label and index of each clip."""

    def __init__(self, root: Path, names: list[str], labels: list[int]) -> None:
        self.root, self.names, self.labels = root, names, labels

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int, int]:
        name = self.names[index]
        spectrogram = read_spectrogram(self.root / "AudioWAV" / f"{name}.wav")
        folder = self.root / "Image-01-FPS" / name
        picture = read_picture(min(folder.iterdir()))
        return spectrogram, picture[:, None], self.labels[index], index


def read_spectrogram(path: Path) -> Tensor:
    wave, _ = librosa.load(path, sr=RATE)
    wave = np.clip(np.tile(wave, 3)[:SAMPLES], -1.0, 1.0)
    spectrum = np.log(np.abs(librosa.stft(wave, n_fft=N_FFT, hop_length=HOP)) + 1e-7)
    values = torch.from_numpy(spectrum.astype(np.float32))[None, None]
    resized = interpolate(values, (SIZE, SIZE), mode="bilinear", antialias=True)[0]
    return (resized - resized.mean()) / (resized.std() + 1e-7)


def read_picture(path: Path) -> Tensor:
    picture = Image.open(path).convert("RGB")
    left, top, width, height = random_crop(*picture.size)
    box = (left, top, left + width, top + height)
    picture = picture.crop(box).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float() / 255
    return (values - MEAN) / STD


def random_crop(width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height as RandomResizedCrop draws them."""
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1.0)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return random.randint(0, width - wide), random.randint(0, height - high), wide, high
    return 0, 0, width, height
