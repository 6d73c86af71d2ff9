"""Coloured-and-gray MNIST: a digit in gray, and the same digit in a colour that misleads.

LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition" (MNIST: 60,000 digits
of 28 × 28 to train, 10,000 to test); Kim et al. 2019, "Learning Not to Learn" (ten colours with
jitter: tied to the class in training, random in test). As two modalities: Fan et al. 2023, "PMR:
Prototypical Modal Rebalance for Multimodal Learning".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fusion_sched.data.clips.source import Download, Source, not_there
from fusion_sched.data.clips.types import Issue, Report
from fusion_sched.data.digits import CLASSES, check_variance, painted
from fusion_sched.data.folds import Folded, Index, positions
from fusion_sched.data.idx import read_idx
from fusion_sched.data.listed import check_choice
from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays, stratified_split
from fusion_sched.data.pickles import load_object
from fusion_sched.data.samples.digits import write_cgmnist
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits

MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist"
FILES: Mapping[str, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SIDE = 28
GRAY = ((0.1307,), (0.3081,))
"""Mean and deviation of MNIST on a 0-1 scale, as published loaders take them out."""
COLOURED = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""Mean and deviation per channel that they take out of the coloured pictures: CIFAR-10's."""
SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""Of the gzipped files."""

SOURCE = Source(
    name="cgmnist",
    title="Coloured-and-gray MNIST",
    modalities=("gray", "colored"),
    address=MIRROR,
    size="12 MB; the published colours 212 MB",
    licence="MNIST: CC BY-SA 3.0; no licence is named for the published colours",
    layout=[
        "train-images-idx3-ubyte.gz  train-labels-idx1-ubyte.gz  (or unpacked, or in MNIST/raw)",
        "t10k-images-idx3-ubyte.gz   t10k-labels-idx1-ubyte.gz",
        "mnist_10color_jitter_var_0.030.npy  (only for dataset.colours=published)",
    ],
    how="`fusion-sched data fetch cgmnist` fetches MNIST. The published colours are linked in the "
    "readme files of feidfoe/learning-not-to-learn and of MMPareto's CGMNIST; colours=generated "
    "needs none.",
    counts={"mnist": {"train": 60_000, "test": 10_000}},
    downloads=[
        Download(f"{MIRROR}/{name}.gz", sha256, f"{name}.gz") for name, sha256 in SHA256.items()
    ],
)


class Digits(NamedTuple):
    """One of MNIST's two parts: pictures uint8 `(N, 28, 28)` and labels int64 `(N,)`."""

    pictures: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class CGMNIST(Folded):
    """Modalities `gray` (1, 28, 28) and `colored` (3, 28, 28): views of the same digit.

    In training the colour shows the class; in test it is random. The colour is the easy modality:
    it wins the competition and is worth nothing later.

    Parameters
    ----------
    root : folder of the dataset
    colours : `"generated"`: ten colours of ours, fixed by `split_seed`; the validation part is
        coloured at random, as the test part is, so that the epoch is chosen for what it will be
        tested on; `"published"`: those of `mnist_10color_jitter_var_0.030.npy` (the number is
        `jitter_variance`), paired with the gray digits by position; all of its training pictures
        are coloured by class, those kept for validation too, which favours colour in whatever is
        chosen on them
    jitter_variance : of the Gaussian jitter of a colour, on a 0-1 scale
    validation : share of MNIST's training part that is kept for validation
    split_seed : seed that draws it
    """

    root: str
    colours: str = "generated"
    jitter_variance: float = 0.03
    validation: float = 0.1
    split_seed: int = 0

    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("colours", self.colours, ["generated", "published"])
        check_variance("jitter_variance", self.jitter_variance)
        if self.folded and self.colours == "published":
            raise ValueError(
                "colours=published colours MNIST's training part by class and its test part at "
                "random, so that the parts cannot be pooled for dataset.folds; set "
                "dataset.colours=generated"
            )

    def load(self) -> Splits:
        """Return the splits.

        Raises
        ------
        FileNotFoundError
            MNIST, or the published colours, are not under `root`.
        ValueError
            A file that is damaged, or two that do not belong together.
        """
        digits = read_mnist(Path(self.root))
        issues = label_issues(digits)
        if issues:
            raise ValueError("; ".join(issue.message for issue in issues))
        index, facts = self._split(digits)
        pictures = np.concatenate([part.pictures for part in digits.values()])
        labels = np.concatenate([part.labels for part in digits.values()])
        if self.colours == "published":
            colored = read_colours(self.colour_file, digits)
        else:
            colored = self._coloured(pictures, labels, index["train"])
        inputs = {
            "gray": _normalised(pictures[:, None], *GRAY),
            "colored": _normalised(colored, *COLOURED),
        }
        facts = {"colours": self.colours, **facts}
        return splits_from_arrays(inputs, labels, index, CLASSES, facts)

    def _split(self, digits: Mapping[str, Digits]) -> tuple[Index, dict[str, Any]]:
        """Return positions by split, and facts; test follows on MNIST's training part."""
        if self.folded:
            labels, pictures = (
                np.concatenate([getattr(part, name) for part in digits.values()])
                for name in ("labels", "pictures")
            )
            splits, facts = self.draw_fold(labels, {"pictures": pictures}, published=True)
            return positions(splits), facts
        trained, tested = digits["train"].labels, digits["test"].labels
        # stratified_split makes three parts; the two others together are what stays in training.
        rest = (1 - self.validation) / 2
        parts = stratified_split(trained, self.validation, rest, self.split_seed)
        train = np.sort(np.concatenate([parts["train"], parts["test"]]))
        test = len(trained) + np.arange(len(tested))
        return {"train": train, "validation": parts["validation"], "test": test}, {}

    def _coloured(self, pictures: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
        """Return pictures `(N, 3, 28, 28)` whose colour follows the class in `train` only."""
        rng = np.random.default_rng(self.split_seed)
        colour_class = rng.integers(0, len(CLASSES), len(labels))
        colour_class[train] = labels[train]
        return painted(pictures, colour_class, self.jitter_variance, rng)

    @property
    def colour_file(self) -> Path:
        """Where the published colours are expected."""
        return Path(self.root) / f"mnist_10color_jitter_var_{self.jitter_variance:.3f}.npy"

    def check(self) -> Report:
        """Read everything and report what is wrong or odd."""
        digits = read_mnist(Path(self.root))
        issues = label_issues(digits)
        if self.colours == "published":
            read_colours(self.colour_file, digits)
        if issues:
            return Report({}, issues, SOURCE.counts["mnist"])
        index, _ = self._split(digits)
        labels = np.concatenate([part.labels for part in digits.values()])
        counts = {
            split: {name: int((labels[index[split]] == k).sum()) for k, name in enumerate(CLASSES)}
            for split in SPLIT_NAMES
        }
        return Report(counts, [], SOURCE.counts["mnist"])

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: drawn digits as MNIST's four files and as the published array."""
        write_cgmnist(out, spec, FILES, CGMNIST(str(out)).colour_file)


def read_mnist(root: Path) -> dict[str, Digits]:
    """Return MNIST's two parts; `ValueError` where pictures and labels differ in number."""
    parts = {}
    for split, (pictures_name, labels_name) in FILES.items():
        pictures = read_idx(_find(root, pictures_name), 3)
        labels = read_idx(_find(root, labels_name), 1)
        if pictures.shape != (len(labels), SIDE, SIDE):
            raise ValueError(
                f"{pictures_name} under {root} holds pictures {pictures.shape} for {len(labels)} "
                f"labels, expected ({len(labels)}, {SIDE}, {SIDE}); fetch both again"
            )
        parts[split] = Digits(pictures, labels.astype(np.int64))
    return parts


def _find(root: Path, name: str) -> Path:
    """Return the path of a file of MNIST: as published, unpacked, or as torchvision keeps it."""
    for folder in (root, root / "MNIST" / "raw"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise not_there(SOURCE, root / f"{name}.gz")


def label_issues(digits: Mapping[str, Digits]) -> list[Issue]:
    issues = []
    for split, part in digits.items():
        wrong = np.flatnonzero(part.labels >= len(CLASSES))
        if len(wrong):
            message = (
                f"{FILES[split][1]} holds {len(wrong)} label(s) above 9, the first is "
                f"{part.labels[wrong[0]]} at position {wrong[0]}; fetch it again"
            )
            issues.append(Issue("unknown label", f"{split} {wrong[0]}", "", message))
    return issues


def read_colours(path: Path, digits: Mapping[str, Digits]) -> np.ndarray:
    """Return the published coloured pictures `(N, 3, 28, 28)`, train first, then test."""
    if not path.is_file():
        raise not_there(SOURCE, path)
    content = load_object(path)
    wanted = {f"{split}_{kind}" for split in FILES for kind in ("image", "label")}
    if not isinstance(content, dict) or not wanted <= set(content):
        held = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{path} holds {held}, expected a dict with {sorted(wanted)}")
    for split, part in digits.items():
        image, label = (np.asarray(content[f"{split}_{kind}"]) for kind in ("image", "label"))
        expected = (len(part.labels), SIDE, SIDE, 3)
        if image.shape != expected or image.dtype != np.uint8:
            raise ValueError(
                f"{split}_image in {path} is {image.dtype} {image.shape}, expected uint8 "
                f"{expected} as the gray digits are"
            )
        if label.shape != part.labels.shape or (label != part.labels).any():
            raise ValueError(
                f"{split}_label in {path} is not what {FILES[split][1]} says, so that gray and "
                "coloured digits do not belong together; fetch both again"
            )
    images = [content[f"{split}_image"] for split in FILES]
    return np.concatenate(images).transpose(0, 3, 1, 2)


def _normalised(
    pictures: np.ndarray, mean: Sequence[float], deviation: Sequence[float]
) -> np.ndarray:
    """Return pictures `(N, channels, H, W)`, from 0 to 255, as float32 normalised per channel."""
    centre, spread = (np.array(v, np.float32).reshape(-1, 1, 1) for v in (mean, deviation))
    scaled: np.ndarray = (pictures / np.float32(255) - centre) / spread
    return scaled
