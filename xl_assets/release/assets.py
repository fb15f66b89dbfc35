"""Releases: the manifest and the report of a release."""
