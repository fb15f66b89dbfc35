"""Commands of `xl evaluate`: judging."""

import typer


def register(app: typer.Typer) -> None:
    """Add these commands to `xl evaluate`."""
