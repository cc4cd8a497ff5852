"""Definitions as YAML: read, checked with file, line and key, made into the model's dataclasses."""
