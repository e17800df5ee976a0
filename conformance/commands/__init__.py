"""
The commands of the command line, one file for each. They translate options to functions and hold no other logic.

The engine is imported inside them, so that `--help` does not import NumPy.
"""
