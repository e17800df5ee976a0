"""The first formulation: sums over taps, with positions from index arithmetic."""
