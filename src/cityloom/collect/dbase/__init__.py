"""Reads tables of dBase, FoxPro and their kin: header, records and memos, as exact text."""
