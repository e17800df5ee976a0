"""
The commands of the command line, one module each. They translate options to function calls and hold no other logic.

The engine is imported inside the functions, so that `--help` does not import NumPy.
"""
