"""How an interpreter of another environment finds the engine and its backends: as text, for it cannot import them yet."""

from __future__ import annotations

#: Makes what `places` names importable, by name and folder, and nothing else of ours.
FINDER_SOURCE = """
from importlib.util import spec_from_file_location as spec
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        at = places.get(name)
        return at and spec(name, at + "/__init__.py", submodule_search_locations=[at])
sys.meta_path.insert(0, Finder)
"""
