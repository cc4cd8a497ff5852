"""Alembic's entry: migrations run on the connection, and inside the transaction, of ``store.migrate``."""

from alembic import context

from cityloom.store.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
