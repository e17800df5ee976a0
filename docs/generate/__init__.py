"""Generators of the documentation: `docs.generate.pages` writes the pages of the corpus, others one page each."""
