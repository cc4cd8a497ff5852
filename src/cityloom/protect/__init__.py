"""Keeping data safe: who acts, what may leave in which form, and proof of what happened."""
