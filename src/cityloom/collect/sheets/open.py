"""Opens a workbook of whatever kind it is, by its content and not by its name."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cityloom.collect.sheets.model import Book, BookError, damaged
from cityloom.collect.sheets.ods import Ods
from cityloom.collect.sheets.xls import Locked, Xls
from cityloom.collect.sheets.xlsb import Xlsb
from cityloom.collect.sheets.xlsx import Xlsx
from cityloom.kernel.errors import DataError
from cityloom.kernel.extras import require
from cityloom.kernel.i18n import _

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP = b"PK"
_BARE = (b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08")
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_EVERYONES = "VelvetSweatshop"
"""The password with which Excel encrypts a workbook that nobody gave one (a protected structure)."""


@contextmanager
def open_book(path: Path, name: str, password: str = "") -> Iterator[Book]:
    """A workbook, open for the length of the block.

    Args:
        path: of the file.
        name: what to call it in errors.
        password: with which it is encrypted; empty for none.

    Raises:
        DataError: ``collect.excel.damaged``, ``collect.excel.locked``, ``collect.excel.password``,
            ``collect.excel.other`` for what is something else under the name of a workbook.
        ConfigError: ``kernel.extra.missing`` when it must be decrypted and the library is not there.
    """
    with path.open("rb") as file:
        try:
            with _book(path, file, name, password) as book:
                yield book
        except BookError:
            raise damaged(name) from None


@contextmanager
def _book(path: Path, file: IO[bytes], name: str, password: str) -> Iterator[Book]:
    start = file.read(8)
    file.seek(0)
    if start.startswith(_ZIP):
        book: Book = _zipped(file, name)
    elif start == _OLE and _PACKAGE in file.read():
        with _decrypted(path, name, password) as plain, plain.open("rb") as opened, _closing(_zipped(opened, name)) as book:
            yield book
        return
    elif start == _OLE or start[:2] in _BARE:
        try:
            book = Xls(path)
        except Locked:
            with _decrypted(path, name, password) as plain, _closing(Xls(plain)) as book:
                yield book
            return
    else:
        raise _other(start, file, name)
    with _closing(book):
        yield book


@contextmanager
def _closing(book: Book) -> Iterator[Book]:
    try:
        yield book
    finally:
        book.close()


def _zipped(file: IO[bytes], name: str) -> Book:
    try:
        with zipfile.ZipFile(file) as archive:
            names = {n.casefold() for n in archive.namelist()}
            if "meta-inf/manifest.xml" in names and b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise _locked(name)
    except (zipfile.BadZipFile, OSError, ValueError, KeyError):
        raise BookError("it is no zip file") from None
    if "content.xml" in names:
        return Ods(file)
    if any(n.endswith("xl/workbook.bin") for n in names):
        return Xlsb(file)
    if any(n.startswith("xl/") for n in names) or "[content_types].xml" in names:
        return Xlsx(file)
    raise _not_a_book(name, _("a zip archive of other files"))


@contextmanager
def _decrypted(path: Path, name: str, password: str) -> Iterator[Path]:
    """The workbook without its encryption, in a file that goes after the block."""
    try:
        library = require("msoffcrypto", extra="office")
    except Exception:
        if password:
            raise
        raise _locked(name) from None
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as file:
        plain = Path(folder) / "plain"
        try:
            office = library.OfficeFile(file)
            office.load_key(password=password or _EVERYONES, verify_password=True)
            with plain.open("wb") as out:
                office.decrypt(out)
        except Exception:
            raise _wrong_password(name) if password else _locked(name) from None
        yield plain


def _locked(name: str) -> DataError:
    return DataError(
        "collect.excel.locked",
        "{file} is protected by a password.",
        hint="Have it delivered without one, or give the option password as a reference.",
        file=name,
    )


def _wrong_password(name: str) -> DataError:
    return DataError(
        "collect.excel.password",
        "{file} does not open with the password that is given.",
        hint="Check the variable or file to which the option password refers.",
        file=name,
    )


def _other(start: bytes, file: IO[bytes], name: str) -> DataError:
    file.seek(0)
    head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<style")):
        return _not_a_book(name, _("a web page (HTML)"))
    if head.startswith((b"<?xml", b"<workbook")):
        return _not_a_book(name, _("an XML file"))
    if head and b"\0" not in head:
        return _not_a_book(name, _("a text file"))
    return damaged(name)


def _not_a_book(name: str, what: str) -> DataError:
    return DataError(
        "collect.excel.other",
        "{file} is {what} under the name of a workbook.",
        hint="Open it in a spreadsheet program and save it as xlsx, or collect it as what it is.",
        file=name,
        what=what,
    )
