"""Source code of an import hook that makes the engine and its backends importable in another environment."""

from __future__ import annotations

#: The hook makes the packages in `places` (name -> folder) importable, and no others. Its source code is a string,
#: because other interpreters run it: workers get it by `-c`, and captured programs get it in a `sitecustomize.py`.
FINDER_SOURCE = """
from importlib.util import spec_from_file_location as spec
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        at = places.get(name)
        return at and spec(name, at + "/__init__.py", submodule_search_locations=[at])
sys.meta_path.insert(0, Finder)
"""
