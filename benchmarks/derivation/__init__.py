"""A second derivation of the expected outputs, from the case files and the specification alone."""
