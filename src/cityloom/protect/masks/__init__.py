"""Masks, one file each."""
