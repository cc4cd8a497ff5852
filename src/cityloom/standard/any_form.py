"""What steps on days and on moments in any form have in common: their fields, and the program that is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from cityloom.standard.moments import EDITION, Forms, moment_of
from cityloom.standard.programs import OUTPUT, OneAnswer


@dataclass(frozen=True, kw_only=True)
class InAnyForm(ABC):
    """Reads a moment from every form that departments write it in; what of it is told, a step says in ``told``."""

    name: ClassVar[str]

    order: str = "ymd"
    pivot: int = -1
    roc: bool = False
    numbers: str = ""
    zone: str = "+08:00"

    @abstractmethod
    def told(self, moment: datetime) -> str:
        """The value of a moment."""

    @property
    def _forms(self) -> Forms:
        return Forms(order=self.order, pivot=self.pivot, is_roc=self.roc, numbers=self.numbers, zone=self.zone).check()

    @property
    def program(self) -> OneAnswer:
        """The value of a text."""
        forms = self._forms
        fields = (forms.order, forms.pivot, forms.is_roc, forms.numbers, forms.zone)
        return OneAnswer(self.name, fields, EDITION, self.value)

    @property
    def output(self) -> str:
        """The program's only answer."""
        return OUTPUT

    def value(self, x: str | None) -> str | None:
        """What is told of the moment that a text says."""
        found = None if x is None else moment_of(x, self._forms)
        return self.told(found) if found else None
