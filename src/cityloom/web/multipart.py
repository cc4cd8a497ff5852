"""A form with a file, read while it comes in: its fields first, then the file straight into the inbox.

Whoever shows no valid key before the file begins is refused before a byte of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message

import anyio
from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from cityloom.collect.inbox import Draft
from cityloom.kernel.errors import UserError

_MOST_FIELD = 10_000
_SILENT_SECONDS = 60.0
Open = Callable[[dict[str, str], str], Draft]
"""Opens a draft for the file, from the fields before it and its name; refuses by raising."""


class _Form:
    """What comes in, part by part."""

    def __init__(self, boundary: str, open_file: Open, most: int) -> None:
        self.fields: dict[str, str] = {}
        self.draft: Draft | None = None
        self._open = open_file
        self._most = most
        self._header, self._value = b"", b""
        self._headers: dict[str, str] = {}
        self._name, self._is_file, self._held = "", False, bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._end,
            },
        )

    def feed(self, block: bytes) -> None:
        """Take some bytes."""
        self._parser.write(block)

    def finish(self) -> None:
        """The end of the form."""
        self._parser.finalize()

    def _begin(self) -> None:
        self._headers, self._held, self._is_file = {}, bytearray(), False
        self._header, self._value = b"", b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        message = Message()
        message["Content-Disposition"] = self._headers.get("content-disposition", "")
        name = message.get_param("name", header="content-disposition")
        file = message.get_param("filename", header="content-disposition")
        self._name = name if isinstance(name, str) else ""
        self._is_file = file is not None
        if not self._is_file:
            return
        if self.draft is not None or not file:
            raise malformed()
        self.draft = self._open(self.fields, file if isinstance(file, str) else "file")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and self.draft is not None:
            self.draft.write(data[start:end])
            if self.draft.size > self._most:
                raise UserError(
                    "collect.intake.large",
                    "A delivery has at most {most} MiB.",
                    hint="Send it in parts with a key each; the operator may set CITYLOOM_INTAKE_MB.",
                    most=self._most >> 20,
                )
            return
        self._held += data[start:end]
        if len(self._held) > _MOST_FIELD:
            raise malformed()

    def _end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = self._held.decode("utf-8", "replace")


async def read_upload(request: Request, open_file: Open, most: int) -> tuple[dict[str, str], Draft]:
    """The fields of a form and the file in it.

    Args:
        request: of ``multipart/form-data``.
        open_file: asked when the file begins.
        most: bytes that the file may have.

    Raises:
        UserError: ``web.form.malformed``, ``collect.intake.large``; what ``open_file`` raises.
    """
    message = Message()
    message["Content-Type"] = request.headers.get("content-type", "")
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise malformed()
    form = _Form(boundary, open_file, most)
    try:
        stream = request.stream()
        while True:
            with anyio.fail_after(_SILENT_SECONDS):
                block = await anext(stream, None)
            if block is None:
                break
            await run_in_threadpool(form.feed, block)
        form.finish()
        if form.draft is None:
            raise malformed()
        return form.fields, form.draft
    except (MultipartParseError, ClientDisconnect, TimeoutError):
        _discard(form)
        raise malformed() from None
    except BaseException:
        _discard(form)
        raise


def malformed() -> UserError:
    """The error for a form that is none of ours, or lacks its file."""
    return UserError("web.form.malformed", "The form did not come in whole.", hint="Choose a file and send it again.")


def _discard(form: _Form) -> None:
    if form.draft is not None:
        form.draft.discard()
