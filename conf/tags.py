"""Tag definitions (conf/tags/*.yaml): rules the experts and the front line own, each with version and confidence.

Adding a tag is adding an entry to a file there. A rule may use every column of gold.customer_360.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, remembered, yaml_files

FOLDER = ROOT / "conf" / "tags"


class Tag(Strict):
    """One tag: who owns it, how sure the owner is, from when it holds, and the rule as a typed tree.

    `value_column` names a column of the view whose value the tag carries; without it the tag says yes.
    """

    tag_id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{2,39}$")
    """The tag's code, once in all files."""
    name: str
    """Name in the operator's language."""
    title: str
    """Name in English."""
    group: Literal["PERSON", "VALUE", "BEHAVIOUR", "SERVICE", "RISK", "CHANNEL"]
    """What it says something about."""
    origin: Literal["EXPERT", "FRONTLINE"]
    """Who found the rule: experts or the front line."""
    owner: str = Field(min_length=3)
    version: str
    """Raise it with each change of the rule."""
    confidence: float = Field(ge=0, le=1)
    """How sure the owner is, 0 to 1."""
    valid_from: date
    """First business date it holds on."""
    valid_to: date | None = None
    """Last business date it holds on; none: until taken away."""
    value_column: str | None = None
    rule: Any
    """Rule tree over gold.customer_360."""

    def holds_on(self, day: date) -> bool:
        """Whether the definition is in force on a business date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class TagFile(Strict):
    """One file of tags."""

    tags: tuple[Tag, ...]


@remembered
def load_tags(folder: Path = FOLDER) -> dict[str, Tag]:
    """All tags by id; an id given twice is refused with both places."""
    tags: dict[str, Tag] = {}
    places: dict[str, Path] = {}
    for path in yaml_files(folder):
        for tag in load(TagFile, path).tags:
            if tag.tag_id in tags:
                raise ConfigError(
                    path, f"tags.{tag.tag_id}", "a tag id given before", f"a new id; {places[tag.tag_id].name} has it"
                )
            tags[tag.tag_id], places[tag.tag_id] = tag, path
    return tags


def place_of(tag_id: str, folder: Path = FOLDER) -> str:
    """File and key of a tag's rule, for messages."""
    for path in yaml_files(folder):
        for number, tag in enumerate(load(TagFile, path).tags):
            if tag.tag_id == tag_id:
                return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:tags[{number}].rule"
    return f"{folder}:{tag_id}"
