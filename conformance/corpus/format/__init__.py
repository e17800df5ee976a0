"""Read the case format: convert YAML text to plain data, and report every mistake with line and column."""
