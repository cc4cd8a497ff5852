"""Collect continuously and correct rows."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the change."""
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.create_index("ix_batch_resource_origin", ["resource", "origin", "number"], unique=False)

    op.execute(
        "UPDATE batch SET number = (SELECT count(*) FROM batch AS o WHERE o.started_at < batch.started_at "
        "OR (o.started_at = batch.started_at AND o.id <= batch.id))"
    )
    with op.batch_alter_table("reject", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("corrected_by", sa.String(length=40), nullable=True))
