"""
Diagnosis: which cause of the glossary gives what a target returned.

It shares no code with the mutants, which inject the same causes.
"""

from __future__ import annotations

from .search import Effect, diagnose, effects, shows

__all__ = ["Effect", "diagnose", "effects", "shows"]
