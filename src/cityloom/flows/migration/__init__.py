"""Moves a legacy database whole into the raw layer, and proves table by table that nothing was lost."""
