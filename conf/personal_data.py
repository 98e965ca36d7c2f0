"""Kinds of personal data and their class (conf/personal_data.yaml)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from conf.reading import ROOT, Strict, load, remembered

PERSONAL_DATA_FILE = ROOT / "conf" / "personal_data.yaml"
KindName = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{0,15}$")]  # a token's hash takes 16 bytes of it


class PersonalKind(Strict):
    """One kind: its words and its class."""

    title: str
    data_class: Literal["PERSONAL", "RESTRICTED", "MINOR"]

    @property
    def mark(self) -> str:
        """Word of the class for a description of a column; nothing where it is merely personal."""
        return "" if self.data_class == "PERSONAL" else f", {self.data_class.lower()}"


class PersonalData(Strict):
    kinds: dict[KindName, PersonalKind] = Field(min_length=1)


@remembered
def load_personal_kinds() -> dict[str, PersonalKind]:
    """All kinds by name, in the order of the file."""
    return load(PersonalData, PERSONAL_DATA_FILE).kinds
