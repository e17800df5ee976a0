"""
Diagnosis: which cause of the glossary gives what a target returned.

It shares no code with the mutants, which inject the same causes.
"""

from __future__ import annotations

from .search import diagnose, shows

__all__ = ["diagnose", "shows"]
