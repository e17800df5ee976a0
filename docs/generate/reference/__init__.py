"""The pages in docs/reference that come from the program; `docs.generate.pages` writes them."""
