"""The quality filter: a score by the language's own classifier, and the best share of the documents.

How the classifiers are trained is in `xl_assets.quality`.
"""

from xl_assets.quality.scoring import Scorer, load_scorer, score_quality
from xl_assets.quality.selection import apply_cutoffs, select_top_share, share_cutoffs
from xl_assets.quality.settings import QualityError, QualitySettings

__all__ = [
    "QualityError",
    "QualitySettings",
    "Scorer",
    "apply_cutoffs",
    "load_scorer",
    "score_quality",
    "select_top_share",
    "share_cutoffs",
]
