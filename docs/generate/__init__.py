"""What writes the pages: `python -m docs.generate.pages` those of the corpus, the other modules the page of their name."""
