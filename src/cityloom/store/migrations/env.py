"""Alembic's entry: migrations run on the connection, and inside the transaction, of ``store.migrate``."""

from alembic import context

from cityloom.store.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying its table
)
context.run_migrations()
