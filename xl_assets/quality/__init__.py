"""Classifiers that say how much a document is like a language's good examples: training, scoring, selection."""
