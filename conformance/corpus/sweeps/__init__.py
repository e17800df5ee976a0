"""The points of a sweep: axes and their values, covering arrays, and literal cases at production sizes."""
