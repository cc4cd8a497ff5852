"""The commands, one file a noun; each has ``register(app)`` and is found by scanning this folder."""
