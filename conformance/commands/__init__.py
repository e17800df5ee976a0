"""
The commands of the command line, one module for each.

A command translates its options into function calls and contains no other logic. The engine is imported inside
the functions, so that `--help` does not import NumPy.
"""
