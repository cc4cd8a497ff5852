"""Data standards as workbooks and JSON: written, and read back row by row."""
