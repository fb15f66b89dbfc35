"""The contract of translated evaluation prompts."""

import dataframely as dy

from xl_assets.tables import Filtered


class PromptTranslation(Filtered):
    """An English instruction translated by a model; `instruction` is null where every attempt failed."""

    translation_id = dy.String(primary_key=True)
    id = dy.String(nullable=False)
    source = dy.String(nullable=False)
    cluster_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    original = dy.String(nullable=False)
    instruction = dy.String(nullable=True)
    call_id = dy.String(nullable=False)
