"""Export layouts: how each channel wants its file, column by column (conf/exports/*.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from conf.channels import load_channels
from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, remembered, require_known, yaml_files

EXPORTS = ROOT / "conf" / "exports"

# Every list carries these, so that a channel's answer can be joined to the contact.
REQUIRED_COLUMNS = (
    "contact_id",
    "campaign_id",
    "task_id",
    "wave_no",
    "msisdn",
    "product_id",
    "offer_id",
    "planned_date",
    "script_id",
)
KNOWN_COLUMNS = (
    *REQUIRED_COLUMNS,
    "window_start",
    "window_end",
    "valid_to",
    "priority",
    "city_code",
    "script_title",
    "script_text",
    "script_url",
)
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}


class ExportColumn(Strict):
    """One column: what it holds, which characters it may hold (type), and its width.

    Width is characters at most (delimited) or bytes exactly, filled with spaces on the right (fixed_width).
    """

    name: str
    type: Literal["code", "int", "msisdn", "date8", "time4", "text", "url"]
    width: int = Field(ge=1, le=2000)

    @model_validator(mode="after")
    def _name_is_known(self) -> ExportColumn:
        if self.name not in KNOWN_COLUMNS:
            raise ValueError(f"column name one of: {', '.join(KNOWN_COLUMNS)}")
        return self


class ExportLayout(Strict):
    """The file of one channel: style, encoding, separators, columns; a change of any of it raises layout_version."""

    layout: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    channel_code: str
    layout_version: int = Field(ge=1)
    format: Literal["delimited", "fixed_width"]
    encoding: Literal["utf-8", "utf-8-sig", "gbk", "ascii"]
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: Literal["never", "always"] = "never"
    header: bool
    line_end: Literal["lf", "crlf"]
    extension: str = Field(pattern=r"^[a-z]{2,4}$")
    columns: tuple[ExportColumn, ...]

    @property
    def newline(self) -> str:
        """The characters that end a line."""
        return _LINE_ENDS[self.line_end]

    @property
    def column_names(self) -> list[str]:
        """Column names in file order."""
        return [column.name for column in self.columns]

    @model_validator(mode="after")
    def _layout_is_complete(self) -> ExportLayout:
        missing = [name for name in REQUIRED_COLUMNS if name not in self.column_names]
        if missing:
            raise ValueError(f"columns of every list are missing: {missing}")
        if len(set(self.column_names)) != len(self.column_names):
            raise ValueError("every column once")
        if (self.delimiter is None) == (self.format == "delimited"):
            raise ValueError("format delimited needs a delimiter, fixed_width has none")
        if self.format == "fixed_width" and (self.header or self.quote == "always"):
            raise ValueError("fixed_width has neither header nor quotes")
        return self


@remembered
def load_exports() -> dict[str, ExportLayout]:
    """All layouts by layout name."""
    layouts = {}
    for path in yaml_files(EXPORTS):
        layouts[path.stem] = read_layout(path)
    return layouts


def read_layout(path: Path) -> ExportLayout:
    """One layout; its name must be the file's."""
    layout = load(ExportLayout, path)
    require_known(path, "channel_code", layout.channel_code, load_channels())
    if layout.layout != path.stem:
        raise ConfigError(path, "layout", layout.layout, f"{path.stem}, the name of the file")
    return layout
