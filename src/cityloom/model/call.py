"""One call of a service, as it is counted and traced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Call:
    """调用: who asked which service for what, and what became of it; never what was asked or answered.

    ``day`` is the local day (UTC+8) that a quota counts; ``outcome`` is ``answered`` or ``denied`` with its
    ``code``; ``rows`` given; ``digest`` of the answer and ``subject`` are keyed digests.
    """

    id: str
    service: str
    version: str
    grant: str
    account: str
    consumer: str
    purpose: str
    at: str
    day: str
    outcome: str
    code: str = ""
    rows: int = 0
    digest: str = ""
    subject: str = ""
