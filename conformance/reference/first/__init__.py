"""The first formulation: sums over taps, by index arithmetic."""
