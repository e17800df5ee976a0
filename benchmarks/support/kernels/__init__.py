"""Which of a framework's kernels the cases reach."""
