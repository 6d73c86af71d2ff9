"""CREMA-D: its classes, where it comes from, and what is known of its files and lists."""

from fusion_sched.data.clips.source import Download, Source

CLASSES = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
"""In the order of OGM-GE's class ids. MMPareto and Diagnosing & Re-learning sort them by name."""
# OGM-GE's train.csv and test.csv as PMR (Fan et al. 2023) keeps them.
PMR = (
    "https://raw.githubusercontent.com/fanyunfeng-bit/Modal-Imbalance-PMR/"
    "1e5c79b645ad0980c145f016e52a31b935d0d7fc/data/CREMAD"
)
DR = (
    "https://raw.githubusercontent.com/GeWu-Lab/Diagnosing_Relearning_ECCV2024/"
    "59b5787137b113fb8df6bbb5a6ebc88068f57b70/code/dataset/cremad"
)
SOURCE = Source(
    name="cremad",
    title="CREMA-D (7,442 clips, 91 actors, 6 emotions)",
    modalities=("audio", "visual"),
    address=(
        "https://github.com/CheyneyComputerScience/CREMA-D or its mirror "
        "https://gitlab.com/cs-cooper-lab/crema-d-mirror"
    ),
    size="AudioWAV 606 MB, VideoFlash 2.4 GB",
    licence="Open Database License 1.0, contents: Database Contents License 1.0",
    layout=(
        "AudioWAV/1001_DFA_ANG_XX.wav …",
        "VideoFlash/1001_DFA_ANG_XX.flv …   or Image-01-FPS/1001_DFA_ANG_XX/00001.jpg … with",
        "                                   dataset.visual=Image-01-FPS",
        "train.csv, test.csv                for dataset.split=ogm: rows CLIP,EMOTION",
        "my_train.csv, val.csv, test.csv    for dataset.split=dr",
    ),
    how=(
        "Its media are in git-lfs: `git lfs install`, clone, `git lfs pull`; where GitHub's quota "
        "is used up, take the mirror. The lists are OGM-GE's and Diagnosing & Re-learning's: "
        "`fusion-sched data fetch cremad`, or where they lie already, dataset.lists=FOLDER; "
        "dataset.split=actor needs none. Known to be damaged: "
        "1076_MTI_SAD_XX (no sound), 1076_MTI_NEU_XX (video), 1064_TIE_SAD_XX (no duration), "
        "1064_IEO_DIS_MD (a minute of all emotions); dataset.on_error=skip goes on without what "
        "cannot be read."
    ),
    counts={"ogm/dr": {"train": 6698, "test": 744}},
    fingerprints={"ogm/dr": "2a5837cebb2d8380"},
    downloads=(
        Download(
            f"{PMR}/train.csv",
            "7b95d291b847eac9c1447bb9fb63b47176d182987ac74fe041e4dd493c6d0abd",
            "train.csv",
        ),
        Download(
            f"{PMR}/test.csv",
            "959a667af66a01dc439b12d6ec9dc57b36a88e947f48ad63531a4b91f769394f",
            "test.csv",
        ),
        Download(
            f"{DR}/my_train.csv",
            "eaf4d9332c743a8e0a0538e53f15f86552fb961858a8347588f6ffc09071b232",
            "my_train.csv",
        ),
        Download(
            f"{DR}/val.csv",
            "ecbd82453caca8a7126df010d67b33813387af3cbe32efe5eb5a94ed2d161291",
            "val.csv",
        ),
    ),
)
