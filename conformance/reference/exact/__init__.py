"""Exact arithmetic: integers times powers of two, with NaN, infinities and -0.0, and one rounding at the end."""
