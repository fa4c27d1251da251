"""`python -m corebilling` and the command `corebilling`."""

from corebilling.cli import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
