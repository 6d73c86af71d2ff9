"""A run: stage 1, diagnosis, decision, hand-over, stage 2; `trainer.py` tells it in order."""
