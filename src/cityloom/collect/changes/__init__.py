"""Following a database by its log: what its connectors share."""
