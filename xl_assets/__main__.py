"""The `xl` command's own module: worker processes import it again, so that it holds nothing that they don't need."""


def main() -> None:
    """Run the command."""
    from xl_assets.cli import main as run

    run()


if __name__ == "__main__":
    main()
