"""Judges: a template and a small configuration each; what they say, whether it can be trusted, and what it costs."""
