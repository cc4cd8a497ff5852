"""采集汇聚: source systems → raw layer, complete, once, in order, and proven equal to what the source held."""
