"""
Diagnosis of gradients: which cause of the glossary gives the gradient that a target returned.
"""

from __future__ import annotations

from .search import diagnose

__all__ = ["diagnose"]
