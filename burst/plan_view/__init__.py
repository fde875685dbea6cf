"""Plans as people and programs read them: numbers in words, a JSON document, a plot, one self-contained page."""
