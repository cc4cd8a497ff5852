"""Reads workbooks (xlsx, xls, xlsb, ods) cell by cell as exact text, with what is wrong in a cell told apart from nothing."""
