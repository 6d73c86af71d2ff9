"""Datasets of files: what a clip is, how it is read, checked and stored."""
