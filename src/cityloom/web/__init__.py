"""The pages: server-rendered, Chinese first, usable without a script, nothing loaded from outside."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
