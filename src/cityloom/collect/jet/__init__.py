"""Reads databases of Microsoft Access (Jet 3, Jet 4 and ACE) from their pages, without any program of that name."""
