"""数据质量: rules on tables, counts of what breaks them, scores, and the rows that do."""
