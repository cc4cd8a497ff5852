"""Delimited text: its dialect, its heading, its records, fast where a stretch is clean and careful where it is not."""
