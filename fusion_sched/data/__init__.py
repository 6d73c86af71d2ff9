"""Datasets: one file each, loaded through `_target_`."""
