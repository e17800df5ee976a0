"""The second formulation: one matrix for each spatial axis, and a dense kernel between all channels."""
