"""The walk-through of training, docs/training.md, and its pictures."""
