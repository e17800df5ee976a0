"""The pages of the project, and what writes them."""
