"""Tables of training: rows in their order, and the model that came of them."""

import dataframely as dy

MESSAGES = dy.List(dy.Struct({"role": dy.String(nullable=False), "content": dy.String(nullable=False)}), nullable=False)


class SftRow(dy.Schema):
    """A training row in conversational form, in training order (`position`)."""

    row_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    language = dy.String(nullable=False)
    position = dy.Int64(nullable=False, min=0)
    messages = MESSAGES


class SftModel(dy.Schema):
    """One fine-tuned model. Folders are relative to the lake; hashes are of their files."""

    release = dy.String(primary_key=True)
    model_fingerprint = dy.String(nullable=False)
    base_model = dy.String(nullable=False)
    base_fingerprint = dy.String(nullable=False)
    adapter_folder = dy.String(nullable=True)
    adapter_hash = dy.String(nullable=True)
    merged_folder = dy.String(nullable=False)
    merged_hash = dy.String(nullable=False)
    method = dy.String(nullable=False)
    parameters = dy.String(nullable=False)
    rows = dy.Int64(nullable=False, min=1)
    losses = dy.List(dy.Struct({"step": dy.Int64(), "epoch": dy.Float64(), "loss": dy.Float64()}), nullable=False)
