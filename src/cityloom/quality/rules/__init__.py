"""Quality rules, one file each."""
