"""Evaluation prompts: instructions from a file (`reading`), exclusions, translations (`translating`).

`xl_assets.evaluation.prompt_sets` makes the prompts of a language from them.
"""
