"""Compiled loops over whole Arrow columns (Numba): bytes and offsets in, arrays out.

Nothing here knows tables, languages or rules. A function gets the bytes of all texts of a batch at once;
no text becomes a Python object. Compiled code is cached on disk beside the source (`warm` fills the cache).
"""
