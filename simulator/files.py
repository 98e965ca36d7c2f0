"""The three file styles with their control files (domain rules 2.1); data file first, control file last, each by rename."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl

from conf.feeds import Feed
from conf.files import write_whole
from simulator.extract import MONEY, UTF8, Delivery

EURO = b"\x80"
STAND_IN = "\x01"  # separator while the row is still text; no GBK character contains it
BROKEN = "\x02\x02"  # written as two bytes that are no character of code page 936
BROKEN_BYTES = b"\x81\x31"
ROW_NUMBER_WIDTH = 8


def write_delivery(folder: Path, feed: Feed, delivery: Delivery, province: str, split_rows: int) -> list[dict]:
    """Write data files and control file of a delivery; returns one record per data file (file_name, bytes, rows, part)."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for sequence, part in enumerate(_parts(feed, delivery, split_rows), start=1):
        name = data_name(feed, delivery, province, sequence)
        content = _content(feed, part)
        write_whole(folder / name, content)
        written.append(
            {"file_name": name, "bytes": len(content), "rows": part.rows, "part": part, "sequence_no": sequence}
        )
    write_whole(folder / control_name(feed, delivery, province), _control(feed, delivery, written))
    return written


def data_name(feed: Feed, delivery: Delivery, province: str, sequence: int) -> str:
    """File name of a data file."""
    stamp = _stamp(feed, delivery.data_date)
    if feed.style == "dollar":
        return f"{_letter(feed, delivery).upper()}{feed.unit}{stamp}{sequence - 1:06d}.AVL"
    middle = f"VGOP-R1.6-{feed.unit}" if feed.style == "euro" else feed.unit
    return f"{_letter(feed, delivery)}_{province}_{stamp}_{middle}_{delivery.resend_no:02d}_{sequence:03d}.dat"


def control_name(feed: Feed, delivery: Delivery, province: str) -> str:
    """File name of the control file: `.verf`, for the dollar style `.CHK`."""
    name = data_name(feed, delivery, province, 1)
    return name[:14] + ".CHK" if feed.style == "dollar" else name[: -len("_001.dat")] + ".verf"


def _letter(feed: Feed, delivery: Delivery) -> str:
    if feed.content == "event":
        return "s"
    return "i" if feed.content == "snapshot" or delivery.is_full else "a"


def _stamp(feed: Feed, day: date) -> str:
    return day.strftime("%Y%m" if feed.cadence == "monthly" else "%Y%m%d")


def _parts(feed: Feed, delivery: Delivery, split_rows: int) -> list[Delivery]:
    if delivery.rows <= split_rows:
        return [delivery]
    parts: list[Delivery] = []
    for offset in range(0, max(len(delivery.clean), 1), split_rows):
        piece = delivery.clean.slice(offset, split_rows)
        parts.append(
            Delivery(
                delivery.feed, delivery.data_date, piece, delivery.created, None, delivery.resend_no, delivery.is_full
            )
        )
    parts[-1].dirty, parts[-1].again, parts[-1].again_money = delivery.dirty, delivery.again, delivery.again_money
    return parts


def _content(feed: Feed, part: Delivery) -> bytes:
    head = len(part.clean) // 2
    pieces = [(part.clean.slice(0, head), 0)]
    offset = head
    if part.dirty is not None and len(part.dirty):
        pieces.append((part.dirty, offset))
        offset += len(part.dirty)
    pieces.append((part.clean.slice(head), offset))
    encode = {"dollar": _dollar, "euro": _euro, "fixed_width": _fixed}[feed.style]
    content = b"".join(encode(feed, frame, first) for frame, first in pieces if len(frame))
    return content.replace(BROKEN.encode(), BROKEN_BYTES) + b"".join(part.again)


def _dollar(feed: Feed, frame: pl.DataFrame, _: int) -> bytes:
    rows = frame.select([field.name for field in feed.fields])
    return _encoded(
        feed, rows.write_csv(None, separator="$", include_header=False, quote_style="never"), _utf8_lines(frame)
    )


def _euro(feed: Feed, frame: pl.DataFrame, first: int) -> bytes:
    number = pl.int_range(first + 1, first + 1 + pl.len()).alias("row_no")
    if "_row_no" in frame.columns:  # planted wrong row numbers
        number = pl.coalesce(pl.col("_row_no"), number.cast(pl.String)).alias("row_no")
    rows = frame.select(number, *[field.name for field in feed.fields])
    text = rows.write_csv(None, separator=STAND_IN, include_header=False, quote_style="never")
    return _encoded(feed, text, _utf8_lines(frame)).replace(STAND_IN.encode(), EURO)


def _fixed(feed: Feed, frame: pl.DataFrame, first: int) -> bytes:
    number = pl.int_range(first + 1, first + 1 + pl.len()).cast(pl.String).str.pad_start(ROW_NUMBER_WIDTH, "0")
    padded = [_padded(field.name, field.width or 0, field.type == "text") for field in feed.fields]
    record = frame.select(pl.concat_str([number, *padded]).alias("record"))
    buffer = BytesIO()
    record.write_csv(buffer, include_header=False, quote_style="never", line_terminator="\r\n")
    return buffer.getvalue().decode().encode(feed.codec)


def _padded(name: str, width: int, is_text: bool) -> pl.Expr:
    text = pl.col(name).cast(pl.String).fill_null("")
    if not is_text:
        return text.str.pad_end(width, " ")
    wide = (text.str.len_bytes() - text.str.len_chars()) // 2  # a Chinese character is 3 bytes in UTF-8, 2 in the file
    return pl.concat_str([text, pl.lit(" " * width)]).str.slice(0, pl.lit(width) - wide)


def _utf8_lines(frame: pl.DataFrame) -> list[int]:
    """Lines to be written in UTF-8 among those of the feed's encoding."""
    return frame[UTF8].fill_null(False).arg_true().to_list() if UTF8 in frame.columns else []


def _encoded(feed: Feed, text: str, utf8_lines: list[int]) -> bytes:
    if not utf8_lines:
        return text.encode("ascii") if text.isascii() else text.encode(feed.codec)
    codec = feed.codec  # worked out anew each time it is asked
    lines = [line.encode(codec) for line in text.splitlines(keepends=True)]
    for at, line in [(at, lines[at].decode(codec)) for at in utf8_lines]:
        lines[at] = line.encode()
    return b"".join(lines)


def _control(feed: Feed, delivery: Delivery, written: list[dict]) -> bytes:
    stamp, created = _stamp(feed, delivery.data_date), delivery.created.strftime("%Y%m%d%H%M%S")
    lines = []
    for entry in written:
        cells = [entry["file_name"], str(entry["bytes"]), str(entry["rows"]), stamp, created]
        if feed.style == "fixed_width":
            widths = (40, 20, 20, 8, 14)
            lines.append(
                "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).encode() + b"\r\n"
            )
        elif feed.style == "euro":
            lines.append(EURO.join(cell.encode() for cell in cells) + b"\r\n")
        else:
            lines.append("$".join(cells).encode() + b"\n")
    return b"".join(lines)


def money_of(frame: pl.DataFrame | None, feed: Feed) -> int:
    """Exact total of the feed's money field over the rows, in the file's unit (yuan feeds: in fen)."""
    if frame is None or feed.money_total is None or not len(frame):
        return 0
    column = MONEY if MONEY in frame.columns else feed.money_total
    return int(frame[column].cast(pl.Int64, strict=False).fill_null(0).sum())
