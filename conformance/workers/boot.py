"""Source of an import hook that makes the engine and its backends importable in another environment."""

from __future__ import annotations

#: Makes exactly the packages in `places` (name -> folder) importable. It is text, since the worker runs it with `-c`.
FINDER_SOURCE = """
from importlib.util import spec_from_file_location as spec
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        at = places.get(name)
        return at and spec(name, at + "/__init__.py", submodule_search_locations=[at])
sys.meta_path.insert(0, Finder)
"""
