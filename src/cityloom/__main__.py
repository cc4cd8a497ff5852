"""``python -m cityloom``: the same as the command ``cityloom``."""

from cityloom.cli.main import main

main()
