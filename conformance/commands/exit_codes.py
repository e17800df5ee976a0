"""Exit codes besides 0 and 1."""

UNUSABLE, NOT_RUN, OUR_FAULT, INTERRUPTED = 2, 3, 4, 130
