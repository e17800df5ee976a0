"""The second formulation: one linear map for each spatial axis, and a dense kernel between the channels."""
