"""Diagnosis of gradients: which fault of the glossary computes exactly the gradient that a target returned."""
