"""Proposes what broken cells should hold, for a person to accept."""
