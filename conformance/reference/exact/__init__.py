"""Exact arithmetic on integers times powers of two, NaN, infinities and -0.0, with one rounding at the end."""
