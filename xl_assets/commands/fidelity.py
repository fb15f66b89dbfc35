"""Commands of `xl evaluate`: fidelity."""

import typer


def register(app: typer.Typer) -> None:
    """Add these commands to `xl evaluate`."""
