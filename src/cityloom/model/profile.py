"""What a profile says of a table: figures of its fields, of itself, and of a set of tables (原始数据剖析)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

TYPES = ("empty", "integer", "decimal", "date", "time", "boolean", "text")


@dataclass(frozen=True, kw_only=True)
class FieldProfile:
    """数据字段描述 and 值分布 of one field; counts are rows.

    ``missing`` rows hold nothing, blanks or an agreed stand-in (``stand_ins`` of them); ``unique`` distinct values
    of the others, ``duplicates`` the others without them; rates are shares of all rows. ``type`` is the narrowest
    of :data:`TYPES` that at least 95 % of the values have (``type_share`` is that share); lengths in characters;
    ``least``, ``most``, ``mean`` and ``quantiles`` (5, 25, 50, 75, 95 %) of numbers; ``first`` and ``last`` in the
    order of texts; ``special`` rows with control characters, full-width letters and digits or blanks around;
    ``top`` the most frequent values with their rows, ``patterns`` the most frequent forms (``9`` a digit, ``A`` a
    capital, ``a`` a small letter, ``汉`` a Chinese character; ``+`` several) with their share in a sample.
    """

    name: str
    records: int
    missing: int
    stand_ins: int
    unique: int
    zero: int
    least_length: int | None
    most_length: int | None
    mean_length: float | None
    type: str
    type_share: float
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    first: str | None = None
    last: str | None = None
    special: int = 0
    top: tuple[tuple[str, int], ...] = ()
    patterns: tuple[tuple[str, float], ...] = ()

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return self.records - self.missing

    @property
    def missing_rate(self) -> float:
        """缺失率."""
        return _rate(self.missing, self.records)

    @property
    def unique_rate(self) -> float:
        """唯一率."""
        return _rate(self.unique, self.records)

    @property
    def duplicates(self) -> int:
        """重复记录数: rows whose value another row has already."""
        return max(0, self.filled - self.unique)

    @property
    def duplicate_rate(self) -> float:
        """重复率."""
        return _rate(self.duplicates, self.records)

    @property
    def zero_rate(self) -> float:
        """零值率."""
        return _rate(self.zero, self.records)


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """数据表描述 of one version of a table.

    ``bytes`` on disk; ``duplicate_rows`` rows that are wholly like another; ``is_exact`` false where distinct
    values were estimated (within about 2 %) because the table is large; ``keys`` are sets of fields without
    repetition; ``dependencies`` hold ``(determining fields, determined field, share of rows that keep it)``;
    ``references`` foreign keys found: ``(field, other table, its field, share of values found there)``.
    """

    table: str
    version: int
    at: str
    records: int
    bytes: int
    duplicate_rows: int
    is_exact: bool
    fields: tuple[FieldProfile, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    dependencies: tuple[tuple[tuple[str, ...], str, float], ...] = ()
    references: tuple[tuple[str, str, str, float], ...] = ()

    @property
    def missing_cells(self) -> int:
        """缺失数据元素数."""
        return sum(f.missing for f in self.fields)

    @property
    def fields_with_missing(self) -> int:
        """包含缺失值的字段数."""
        return sum(f.missing > 0 for f in self.fields)

    @property
    def wholly_missing(self) -> int:
        """全部缺失的字段数."""
        return sum(f.filled == 0 and f.records > 0 for f in self.fields)

    @property
    def duplicate_rate(self) -> float:
        """重复率."""
        return _rate(self.duplicate_rows, self.records)

    def without_sums(self, names: Collection[str]) -> TableProfile:
        """The same without least, most, mean and quantiles of these fields: the digits of a code are no quantity."""
        bare = {f.name: replace(f, least=None, most=None, mean=None, quantiles=()) for f in self.fields if f.name in names}
        return replace(self, fields=tuple(bare.get(f.name, f) for f in self.fields))


@dataclass(frozen=True, kw_only=True)
class SetProfile:
    """数据集描述: several tables together."""

    tables: int
    fields: int
    records: int
    bytes: int
    missing_cells: int
    fields_with_missing: int
    wholly_missing: int

    @property
    def mean_bytes(self) -> float:
        """数据表平均存储空间大小."""
        return self.bytes / self.tables if self.tables else 0.0


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How a field changed between two profiles: ``figure`` names what, ``before`` and ``after`` its values."""

    name: str
    figure: str
    before: float | str | None
    after: float | str | None


def together(tables: tuple[TableProfile, ...]) -> SetProfile:
    """The figures of several tables."""
    return SetProfile(
        tables=len(tables),
        fields=sum(len(t.fields) for t in tables),
        records=sum(t.records for t in tables),
        bytes=sum(t.bytes for t in tables),
        missing_cells=sum(t.missing_cells for t in tables),
        fields_with_missing=sum(t.fields_with_missing for t in tables),
        wholly_missing=sum(t.wholly_missing for t in tables),
    )


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
