"""The pages in docs/results, from what was measured."""
