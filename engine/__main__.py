"""`python -m layfigure.engine`: the same program as `layfigure`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; `serve` claims stdout before anything else is imported."""
    if sys.argv[1:2] == ["serve"]:
        from .serve import main as serve

        serve()
        return
    from .cli import main as cli

    cli()


if __name__ == "__main__":
    main()
