"""The HTTP interface: services under ``/api/v1``, errors as RFC 9457 problems, and the pages of ``web``."""
