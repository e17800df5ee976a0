"""Read the case format: YAML text becomes plain data; every mistake becomes a problem with line and column."""
