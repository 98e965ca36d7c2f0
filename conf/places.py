"""Where the lake, the landing folder and the exports lie: URIs of the settings, and what each engine needs to reach them.

The one place that joins such paths and knows whether one is local. Today `file:` works; another scheme is added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

from conf.errors import ClosedLoopError

NAMES = ("lake", "landing", "exports")
SCHEMES = ("file",)


class PlaceElsewhere(ClosedLoopError):
    """Somebody asks for a folder of this machine where the place is none."""


@dataclass(frozen=True)
class Place:
    """A folder or a table by its URI, as file:///srv/closedloop/lake/gold/customer_360."""

    uri: str

    @classmethod
    def of(cls, path: Path) -> Place:
        """The place of a folder of this machine."""
        return cls(f"file://{quote(str(path))}")

    @property
    def scheme(self) -> str:
        """The URI's scheme."""
        return urlparse(self.uri).scheme

    def join(self, *parts: str) -> Place:
        """A place below this one."""
        return Place("/".join([self.uri.rstrip("/"), *(quote(part) for part in parts)])) if parts else self

    @property
    def local(self) -> Path:
        """The folder of this machine; PlaceElsewhere when the place is none."""
        if self.scheme != "file":
            raise PlaceElsewhere(
                f"{self.uri} is no folder of this machine\n  wanted: one of file:, as this step works on files"
            )
        return Path(unquote(urlparse(self.uri).path))

    @property
    def for_spark(self) -> str:
        """As Spark reads and writes it."""
        return str(self.local) if self.scheme == "file" else self.uri

    @property
    def for_delta_rs(self) -> str:
        """As delta-rs opens it."""
        return str(self.local) if self.scheme == "file" else self.uri


def require_uri(name: str, value: str | None) -> str | None:
    """A place of the settings as it may stand there; ValueError says what is wanted."""
    if value is None:
        return None
    found = urlparse(value)
    if found.scheme not in SCHEMES or found.netloc or not found.path.startswith("/"):
        raise ValueError(
            f"file:///<whole path>, or null: the folder {name} below home; other schemes are not built yet"
        )
    return value.rstrip("/")
