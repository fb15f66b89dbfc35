"""fastText classifiers over whole Arrow columns: the answers of the `fasttext` library, several times faster.

A text's vector is the mean of its words' rows, and words repeat: each distinct word's sum of rows is computed once
and kept in a bounded cache, and a text is a sum over its words. `FastTextScorer` is the way in; `model_file` reads
a model, `kernels` makes texts to vectors, `outputs` vectors to labels.
"""

import xl_assets.native  # noqa: F401 - says where compiled code is kept
from xl_assets.fasttext.model_file import ModelFileError, UnsupportedModel
from xl_assets.fasttext.scorer import FastTextScorer, Top

__all__ = ["FastTextScorer", "ModelFileError", "Top", "UnsupportedModel"]
