"""The case format: YAML text becomes plain data, and every mistake a problem with its line."""
