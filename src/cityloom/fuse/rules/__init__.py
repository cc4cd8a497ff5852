"""协商计算规则: how departments agreed to choose one value. One rule a file."""
