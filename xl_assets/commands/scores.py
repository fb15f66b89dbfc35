"""Commands of `xl evaluate`: scores."""

import typer


def register(app: typer.Typer) -> None:
    """Add these commands to `xl evaluate`."""
