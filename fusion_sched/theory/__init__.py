"""The tractable model in which effective competitive strength is exact."""
