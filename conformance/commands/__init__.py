"""
The commands of the command line, by what they are about. They hold no logic of their own.

The engine is imported inside them, so that `--help` costs no NumPy.
"""
