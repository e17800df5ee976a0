"""Generate the points of sweeps: axes and their values, covering arrays, and enlarged literal cases."""
