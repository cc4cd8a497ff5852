"""Messages of brokers and devices: cut into batches, read by a declared payload, each one once."""
