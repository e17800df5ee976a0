"""The second formulation: one matrix for each spatial axis, and one dense kernel over all channels."""
