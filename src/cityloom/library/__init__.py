"""Published data elements and code tables as YAML: content that a city refers to by name and need not write."""
