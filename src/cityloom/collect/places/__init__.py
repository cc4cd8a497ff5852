"""Places that files come from, one file each."""
