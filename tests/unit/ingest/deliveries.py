"""Builds deliveries (data file and control file) in a landing folder, byte by byte and without any code of the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

A_DAY = date(2026, 3, 10)


def list_members(count: int) -> list[str]:
    """Rows of the suppression list feed, one number each."""
    return [f"138{number:08d}$L1$BLACK$SYSTEM$$R1$S1$20260101000000$20260101$$OP1" for number in range(count)]


def payments(count: int, first: int = 0) -> list[str]:
    """Rows of the payment feed, all different; each pays its number in yuan."""
    return [
        f"01$1$20260310{n // 3600 % 24:02d}{n // 60 % 60:02d}{n % 60:02d}${n}.50$A{n:05d}$0$U{n:05d}"
        for n in range(first, first + count)
    ]


def in_time(day: date) -> str:
    """Creation time of a control file made at 02:55 of the next morning."""
    return f"{day + timedelta(days=1):%Y%m%d}025500"


def too_late(day: date) -> str:
    """Creation time after the cut-off hour: the next night picks it up."""
    return f"{day + timedelta(days=1):%Y%m%d}071000"


@dataclass(frozen=True)
class Delivery:
    """One data file with its control file."""

    data: Path
    control: Path


def dollar(
    landing: Path, source: str, unit: str, day: date, rows: list[str] | bytes, letter: str = "S", created: str = ""
) -> Delivery:
    """A style B delivery: `<letter><unit><date>000000.AVL` and its .CHK with five fields."""
    content = rows if isinstance(rows, bytes) else "".join(row + "\n" for row in rows).encode("gbk")
    name = f"{letter}{unit}{day:%Y%m%d}"
    line = f"{name}000000.AVL${len(content)}${content.count(10)}${day:%Y%m%d}${created or in_time(day)}\n"
    return _put(landing / source, f"{name}000000.AVL", content, f"{name}.CHK", line.encode())


def fixed(
    landing: Path,
    source: str,
    unit: str,
    day: date,
    content: bytes,
    rows: int,
    *,
    letter: str = "s",
    resend: int = 0,
    created: str = "",
    sequence: int = 1,
) -> Delivery:
    """A style A delivery with one part."""
    name = f"{letter}_13100_{day:%Y%m%d}_{unit}_{resend:02d}"
    data = f"{name}_{sequence:03d}.dat"
    line = f"{data:<40}{len(content):<20}{rows:<20}{day:%Y%m%d}{created or in_time(day)}\r\n"
    return _put(landing / source, data, content, f"{name}.verf", line.encode())


def euro(
    landing: Path, source: str, unit: str, day: date, rows: list[list[str]], *, letter: str = "s", created: str = ""
) -> Delivery:
    """A style C delivery: rows are numbered here, separated by the byte 0x80."""
    content = b"".join(b"\x80".join(c.encode("gbk") for c in [str(n), *row]) + b"\n" for n, row in enumerate(rows, 1))
    name = f"{letter}_13100_{day:%Y%m%d}_VGOP-R1.6-{unit}_00"
    cells = [f"{name}_001.dat", str(len(content)), str(len(rows)), f"{day:%Y%m%d}", created or in_time(day)]
    return _put(
        landing / source, f"{name}_001.dat", content, f"{name}.verf", b"\x80".join(c.encode() for c in cells) + b"\r\n"
    )


def fee_record(number: int, fee_id: str, msisdn: str, fee: int, at: str) -> bytes:
    """One record of the CRBT fee feed (118 bytes)."""
    cells = [
        ("01", 2),
        (fee_id, 10),
        (msisdn, 15),
        ("6001", 8),
        ("1", 1),
        ("600926", 6),
        ("1", 1),
        (str(fee), 7),
        (at, 14),
        (str(fee), 7),
        ("", 20),
        ("", 12),
        ("", 5),
    ]
    return f"{number:08d}{''.join(text.ljust(width) for text, width in cells)}\r\n".encode()


def _put(folder: Path, data: str, content: bytes, control: str, line: bytes) -> Delivery:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / data).write_bytes(content)
    (folder / control).write_bytes(line)
    return Delivery(folder / data, folder / control)
