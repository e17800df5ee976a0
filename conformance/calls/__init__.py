"""Properties of one call: sizes, features, rules, conditions over features, and portions of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import rules
    from .case_features import CaseFeatures as CaseFeatures
    from .condition import NUMERIC_BOUND as NUMERIC_BOUND
    from .condition import Condition as Condition
    from .condition import condition_of as condition_of
    from .features import FEATURES as FEATURES
    from .features import Feature as Feature
    from .features import FeatureValue as FeatureValue
    from .features import features_of as features_of
    from .kernel_conversion import FRAMEWORKS as FRAMEWORKS
    from .kernel_conversion import kernel_route as kernel_route
    from .kernel_conversion import convert_kernel as convert_kernel
    from .output_region import smallest_region as smallest_region
    from .portions import PORTIONS as PORTIONS
    from .random_operands import is_drawn as is_drawn
    from .random_operands import redrawn as redrawn
    from .rules import RULES as RULES
    from .rules import SENSIBLE as SENSIBLE
    from .sizes import Axis as Axis
    from .sizes import SizedCall as SizedCall
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
