"""Suggests the data element of a raw column, from its name, its values, and what stewards decided before."""
