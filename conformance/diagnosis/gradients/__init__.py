"""Diagnosis of gradients: which cause of the glossary gives the gradient that a target returned."""
