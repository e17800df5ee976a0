"""
The values that all packages share: calls, cases, expectations, observations, verdicts, and the interface of a backend.

This package needs only the standard library and NumPy, because workers import it where nothing else may be installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import cache
    from . import dtypes
    from . import patterns
    from . import storage
    from .backend import Limit as Limit
    from .backend import Outputs as Outputs
    from .backend import Prepared as Prepared
    from .backend import Raised as Raised
    from .backend import Refused as Refused
    from .backend import Target as Target
    from .backend import Unavailable as Unavailable
    from .backend import ask as ask
    from .backend import backend_attribute as backend_attribute
    from .call import Call as Call
    from .call import Pairs as Pairs
    from .call import PerArray as PerArray
    from .call import Stage as Stage
    from .call import Variation as Variation
    from .call import dilated as dilated
    from .call import permuted as permuted
    from .case import Case as Case
    from .case import Reference as Reference
    from .dtypes import COMPLEX as COMPLEX
    from .dtypes import DTYPES as DTYPES
    from .dtypes import FLOATS as FLOATS
    from .dtypes import FORMATS as FORMATS
    from .dtypes import FloatFormat as FloatFormat
    from .dtypes import INTEGERS as INTEGERS
    from .dtypes import NARROW as NARROW
    from .dtypes import COMPLEX_PARTS as COMPLEX_PARTS
    from .dtypes import STRUCTURE_LIMIT as STRUCTURE_LIMIT
    from .dtypes import is_complex as is_complex
    from .dtypes import is_integer as is_integer
    from .dtypes import numpy_type as numpy_type
    from .expectation import AnyOf as AnyOf
    from .expectation import Checkpoint as Checkpoint
    from .expectation import Expectation as Expectation
    from .expectation import Fit as Fit
    from .expectation import Output as Output
    from .expectation import Refusal as Refusal
    from .expectation import Shape as Shape
    from .foreign_text import one_line as one_line
    from .foreign_text import printable as printable
    from .observation import Malformed as Malformed
    from .observation import Message as Message
    from .observation import Observation as Observation
    from .observation import RAISED as RAISED
    from .observation import SKIPPED as SKIPPED
    from .observation import from_message as from_message
    from .observation import is_duration as is_duration
    from .patterns import matches_pattern as matches_pattern
    from .plain_data import ArrayEncoder as ArrayEncoder
    from .plain_data import call_from_plain as call_from_plain
    from .plain_data import call_to_plain as call_to_plain
    from .plain_data import expectation_to_plain as expectation_to_plain
    from .plain_data import operands_to_plain as operands_to_plain
    from .problem import Invalid as Invalid
    from .problem import Problem as Problem
    from .problem import suggestion as suggestion
    from .problem import writing as writing
    from .resources import give_back as give_back
    from .storage import Array as Array
    from .training import COSINE as COSINE
    from .training import LOSSES as LOSSES
    from .training import Training as Training
    from .verdict import Diagnosis as Diagnosis
    from .verdict import DEATHS as DEATHS
    from .verdict import FAILURES as FAILURES
    from .verdict import Finding as Finding
    from .verdict import KINDS as KINDS
    from .verdict import POLICIES as POLICIES
    from .verdict import SEVERITIES as SEVERITIES
    from .verdict import UNEXPECTED as UNEXPECTED
    from .verdict import VERDICTS as VERDICTS
    from .verdict import Verdict as Verdict
    from .verdict import counts_as_failure as counts_as_failure
    from .vocabulary import ARRAYS as ARRAYS
    from .vocabulary import COTANGENT as COTANGENT
    from .vocabulary import DIRECTIONS as DIRECTIONS
    from .vocabulary import KERNELS as KERNELS
    from .vocabulary import MODULUS as MODULUS
    from .vocabulary import OF_OUTPUT as OF_OUTPUT
    from .vocabulary import OPERANDS as OPERANDS
    from .vocabulary import OPS as OPS
    from .vocabulary import PADDINGS as PADDINGS
    from .vocabulary import PADDING_MODES as PADDING_MODES
    from .vocabulary import Plain as Plain
    from .vocabulary import SPATIAL as SPATIAL
    from .vocabulary import STORAGES as STORAGES
    from .vocabulary import SWITCHES as SWITCHES
    from .vocabulary import TARGET as TARGET
    from .vocabulary import TRANSPOSED_PADDINGS as TRANSPOSED_PADDINGS
    from .vocabulary import VARIATIONS as VARIATIONS
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
