"""融合: standard rows of many departments become one record per object, every value with its origin."""
