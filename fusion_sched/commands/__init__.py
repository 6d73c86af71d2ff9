"""What the command line does: one file each. Hydra is used here and in `config` alone."""
