"""Measures, one file each: what share of a department's records is as it should be."""
