"""Datasets that lie on disk as files: what a clip is, how it is read, checked and stored."""
