"""Where Spark runs: the block `spark` of the settings."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlparse

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from conf.reading import Strict

SPARK_TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # where Spark's server and client look for the token
SPARK_TOKEN_FILE = "spark.token"  # below secrets/


class SparkSettings(Strict):
    """Where Spark runs: `remote` set = a Spark Connect server, empty = a session inside this process (tests).

    A server of this machine is `sc://localhost:<port>`; one elsewhere is reached by TLS (`use_ssl=true`) only. No address
    holds a token: addresses are shown and logged.
    """

    remote: str | None
    port: int = Field(ge=1, le=65535)
    """Port of our own server."""
    master: str
    """Spark's master, as local[2] or yarn."""
    driver_memory: str = Field(pattern=r"^\d+[mg]$")
    """Heap of the driver, as 4g."""
    java_options: str = ""
    """Options of the driver's Java."""
    shuffle_partitions: int = Field(ge=1)
    """Partitions after a shuffle: about two for each core, 200 on a cluster."""
    catalog: Literal["hive", "in-memory"]
    """hive for a server, in-memory for a session of a test."""
    parallel_tables: int = Field(ge=1, le=16)
    """Tables written at the same time."""
    jars: str
    """Folder of the JAR files."""
    extra_conf: dict[str, str] = {}
    """Further Spark settings by name."""

    @property
    def is_our_server(self) -> bool:
        """Whether `remote` is a server of this machine, which we start and stop; one elsewhere is run by others."""
        return bool(self.remote) and _is_loopback(urlparse(str(self.remote)).hostname)

    @field_validator("remote")
    @classmethod
    def _remote_is_guarded(cls, value: str | None) -> str | None:
        if not value:
            return None
        address = urlparse(value)
        given = {name.strip().lower(): text for name, _, text in (p.partition("=") for p in address.path.split(";"))}
        if "token" in given:
            raise PydanticCustomError(
                "token_in_address",
                f"an address without it; the token belongs into ${SPARK_TOKEN_VARIABLE} or secrets/{SPARK_TOKEN_FILE}",
                {"found": "an address with a token"},
            )
        if address.scheme != "sc" or not address.hostname:
            raise ValueError("sc://<host>:<port>")
        if _is_loopback(address.hostname):
            if address.hostname != "localhost" or address.path.strip("/"):
                raise ValueError(
                    "sc://localhost:<port>: by another name the client would insist on TLS, here as elsewhere"
                )
        elif given.get("use_ssl", "").lower() != "true":
            raise ValueError(f"{value.rstrip('/')}/;use_ssl=true: over a network customers' data travels by TLS only")
        return value

    @model_validator(mode="after")
    def _ports_agree(self) -> SparkSettings:
        if self.is_our_server and urlparse(str(self.remote)).port != self.port:
            raise ValueError(f"remote and port of one server: {self.remote} has not port {self.port}")
        return self


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
