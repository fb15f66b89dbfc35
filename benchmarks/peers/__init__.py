"""The same work done with other tools, each in its own environment (`make bench-peers`); none imports xl_assets.

Every script takes: a folder of ``<language>.jsonl.zst``, a folder to write, a fastText model, and a JSON file that
gives each language's least probability and stop words, so that all tools work with the same numbers.
"""
