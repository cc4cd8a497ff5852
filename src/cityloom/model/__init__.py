"""The glossary as frozen dataclasses: what the rooms speak of. Pure: no input, no output."""
