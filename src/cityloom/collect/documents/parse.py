"""Parses one file: Office, PDF, mail, web and text files, pictures, sound and film."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cityloom.collect.documents.features import LONGEST
from cityloom.kernel.errors import DataError
from cityloom.kernel.extras import require

_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
_TITLE, _AUTHOR, _CHANGED, _TAKEN = 0x010E, 0x013B, 0x0132, 0x9003
_EXIF = 0x8769
Found = dict[str, str | None]


def parse(path: Path, name: str) -> Found:
    """Features of a file by their names; ``problem`` set where it could not be parsed.

    Args:
        path: of the bytes.
        name: the file's own name: its ending decides where content alone does not.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        return {"format": "application/x-empty", "problem": "The file is empty."}
    if head.startswith(_PICTURES) and (found := _picture(path)):
        return found
    if (found := _media(path, name)) or (found := _text(path, head, name)):
        return found
    return _office(path, name)


def _picture(path: Path) -> Found | None:
    image = require("PIL.Image", extra="documents")
    unknown = require("PIL", extra="documents").UnidentifiedImageError
    try:
        with image.open(path) as opened:
            exif = opened.getexif()
            taken = exif.get_ifd(_EXIF).get(_TAKEN)
            return {
                "format": image.MIME.get(opened.format),
                "width": str(opened.width),
                "height": str(opened.height),
                "pages": str(getattr(opened, "n_frames", 1)),
                "title": _string(exif.get(_TITLE)),
                "author": _string(exif.get(_AUTHOR)),
                "created_at": _string(taken),
                "changed_at": _string(exif.get(_CHANGED)),
            }
    except unknown:
        return None
    except (OSError, ValueError, SyntaxError) as error:
        return {"problem": f"The picture is damaged: {type(error).__name__}."}


def _media(path: Path, name: str) -> Found | None:
    if Path(name).suffix.lower() not in _MEDIA:
        return None
    info = require("pymediainfo", extra="documents").MediaInfo.parse(path)
    general = next((t for t in info.tracks if t.track_type == "General"), None)
    streams = [t for t in info.tracks if t.track_type in ("Video", "Audio")]
    if general is None or not streams:
        return {"problem": "There is no sound or film in it."}
    video = next((t for t in streams if t.track_type == "Video"), None)
    return {
        "format": general.internet_media_type or f"{'video' if video else 'audio'}/{(general.format or '').lower()}",
        "title": _string(general.title or general.track_name),
        "author": _string(general.performer or general.director),
        "created_at": _string(general.encoded_date or general.recorded_date),
        "seconds": str(float(general.duration) / 1000) if general.duration else None,
        "width": _string(video.width) if video else None,
        "height": _string(video.height) if video else None,
    }


def _text(path: Path, head: bytes, name: str) -> Found | None:
    if Path(name).suffix.lower() not in _TEXTS or b"\x00" in head.replace(b"\x00\x00", b"")[:64]:
        return None
    from cityloom.collect.text import resolve

    try:
        encoded = resolve(path, name, "auto")
        with encoded.open(path) as file:
            text = file.read(LONGEST)
    except DataError as error:
        return {"format": "text/plain", "problem": error.message}
    return {"format": _TEXTS[Path(name).suffix.lower()], "text": text, "characters": str(len(text))}


def _office(path: Path, name: str) -> Found:
    library: Any = require("kreuzberg", extra="documents")
    quiet = library.ExtractionConfig(use_cache=False)
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"document{Path(name).suffix.lower()}"  # the library goes by the ending
        named.symlink_to(path.absolute())
        try:
            found = library.extract_file_sync(str(named), None, quiet)
        except library.ValidationError:
            return {"format": "application/octet-stream", "problem": "The format is not one that can be parsed."}
        except library.KreuzbergError as error:
            return {"problem": _reason(error)}
    told: Mapping[str, Any] = dict(found.metadata)
    text = found.content or ""
    authors = told.get("authors") or []
    return {
        "format": found.mime_type,
        "title": _string(told.get("title") or told.get("subject")),
        "author": ", ".join(authors) if authors else _string(told.get("created_by")),
        "created_at": _string(told.get("created_at")),
        "changed_at": _string(told.get("modified_at")),
        "pages": _string(told.get("page_count") or told.get("slide_count") or told.get("sheet_count")),
        "text": text[:LONGEST] or None,
        "characters": str(len(text)),
    }


def _reason(error: Exception) -> str:
    words = str(error).lower()
    if "password" in words or "encrypt" in words:
        return "The file is encrypted; it is kept, and its text cannot be read."
    return f"The file is damaged or not of its format ({type(error).__name__})."


def _string(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).strip() or None


_TEXTS = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".yml": "application/yaml",
    ".yaml": "application/yaml",
}
_MEDIA = frozenset(
    (
        *(".mp3", ".wav", ".flac", ".ogg", ".m4a", ".wma", ".aac", ".amr"),
        *(".mp4", ".mkv", ".avi", ".mov", ".wmv", ".flv", ".webm", ".mpg", ".mpeg", ".3gp", ".ts"),
    )
)
