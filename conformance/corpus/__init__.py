"""
Read case files, check them, expand sweeps, select cases and build their arrays.

The package `format` reads one case file. The package `sweeps` generates the points of a sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import mutated_cases
    from .clauses import Alternative as Alternative
    from .clauses import CLAUSE as CLAUSE
    from .clauses import Clause as Clause
    from .clauses import version_numbers as version_numbers
    from .clauses import read_version as read_version
    from .clauses import unknown_name as unknown_name
    from .format import excerpt
    from .format import geometry
    from .format import reader
    from .format import writer
    from .format import yaml_tree
    from .format.about import read_id as read_id
    from .format.about import read_references as read_references
    from .format.arrays import FIT as FIT
    from .format.reader import Reader as Reader
    from .format.reader import WrongNode as WrongNode
    from .format.reader import word_list as word_list
    from .format.reader import as_mapping as as_mapping
    from .format.reader import as_text as as_text
    from .format.yaml_tree import Mapping as Mapping
    from .format.yaml_tree import Node as Node
    from .format.yaml_tree import Scalar as Scalar
    from .format.yaml_tree import parse_yaml as parse_yaml
    from .loader import Corpus as Corpus
    from .loader import load as load
    from .loader import shipped as shipped
    from .mutated_cases import with_mutators as with_mutators
    from .selection import Selection as Selection
    from .selection import parse_shard as parse_shard
    from .selection import sharded as sharded
    from .sweeps.points import open_choices as open_choices
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
