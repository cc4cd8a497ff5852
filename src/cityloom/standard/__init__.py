"""数据标准: raw rows become rows whose items conform to data elements, and every change can be explained."""
