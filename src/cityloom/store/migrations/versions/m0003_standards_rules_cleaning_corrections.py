"""Standards, rules, cleaning, corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "cleaning_review",
        sa.Column("resource", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("resource", "name", "version", "role", name=op.f("pk_cleaning_review")),
    )
    op.create_table(
        "cleaning_rule",
        sa.Column("resource", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("proposed_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("resource", "name", "version", name=op.f("pk_cleaning_rule")),
    )
    op.create_table(
        "mapping_decision",
        sa.Column("resource", sa.String(length=80), nullable=False),
        sa.Column("column", sa.String(length=200), nullable=False),
        sa.Column("element", sa.String(length=120), nullable=False),
        sa.Column("department", sa.String(length=40), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("resource", "column", "element", name=op.f("pk_mapping_decision")),
    )
    with op.batch_alter_table("mapping_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mapping_decision_department"), ["department"], unique=False)

    op.create_table(
        "quality_rule",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("resource", sa.String(length=80), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("element", sa.String(length=80), nullable=False),
        sa.Column("use", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.Column("changed_at", sa.String(length=32), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_quality_rule")),
    )
    with op.batch_alter_table("quality_rule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quality_rule_resource"), ["resource"], unique=False)
        batch_op.create_index(batch_op.f("ix_quality_rule_state"), ["state"], unique=False)

    op.create_table(
        "quality_rule_review",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("rule", sa.String(length=160), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_quality_rule_review")),
    )
    with op.batch_alter_table("quality_rule_review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quality_rule_review_rule"), ["rule"], unique=False)

    op.create_table(
        "row_correction",
        sa.Column("resource", sa.String(length=80), nullable=False),
        sa.Column("batch", sa.String(length=40), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("by_batch", sa.String(length=40), nullable=False),
        sa.Column("by_row", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("resource", "batch", "row", name=op.f("pk_row_correction")),
    )
    op.create_table(
        "standard_move",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=24), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standard_move")),
    )
    with op.batch_alter_table("standard_move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_standard_move_name"), ["name"], unique=False)

    op.create_table(
        "standard_version",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("author_department", sa.String(length=40), nullable=False),
        sa.Column("changed_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "number", name=op.f("pk_standard_version")),
    )
    with op.batch_alter_table("standard_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_standard_version_state"), ["state"], unique=False)
