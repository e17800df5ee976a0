"""Generators of the pages in docs/reference that list tables of the code; `docs.generate.pages` writes them."""
