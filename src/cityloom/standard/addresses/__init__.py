"""Chinese addresses: which division an address is in, and what its parts are."""
