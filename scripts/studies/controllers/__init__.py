"""Every controller on every dataset, seed by seed: python -m scripts.studies.controllers."""

CONTROLLERS = ("joint", "fixed", "random", "pid_published", "pid_paper", "mi", "pid_point", "pid")
DATASETS: dict[str, tuple[str, ...]] = {
    "digits_cg": (),
    "digits_noisy": (),
    "digits_halves": (),
    "synthetic": ("dataset.noise=0.5", "encoder.embedding=32"),
    "avdigits": ("dataset.preset=imbalanced", "stage1.epochs=8", "stage2.epochs=8"),
}
"""Dataset → its overrides. All but `avdigits` are built in."""
