"""The exit codes other than 0 (success) and 1 (disagreement)."""

UNUSABLE, NOT_RUN, OUR_FAULT, INTERRUPTED = 2, 3, 4, 130
