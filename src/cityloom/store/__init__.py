"""The control store: definitions, runs, batches, requests, grants, audit. SQLite by default, or PostgreSQL."""
