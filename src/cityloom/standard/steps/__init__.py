"""Standardising steps, one file each."""
