"""Small charts as inline SVG text: no library, no network, sharp at any size, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

INK, MUTED, GRID = "#1c2733", "#64748b", "#dbe2ea"
BLUE, TEAL, AMBER, GREY = "#1f5fae", "#0f8a7e", "#c27803", "#9aa8b8"
ROW, LABEL_WIDTH, VALUE_WIDTH, WIDTH = 26, 190, 90, 680


def bars(items: Sequence[tuple[str, float, str]], colour: str = BLUE, mark: float | None = None) -> str:
    """Horizontal bars: (label, value, text at the end). `mark` draws a line at a value, as the target of a KPI."""
    top = max([value for _, value, _ in items] + [mark or 0.0]) or 1.0
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / top
    parts = []
    for place, (label, value, text) in enumerate(items):
        y = place * ROW
        parts.append(_text(LABEL_WIDTH - 10, y + 17, label, "end"))
        parts.append(
            f'<rect x="{LABEL_WIDTH}" y="{y + 5}" width="{max(value * scale, 1):.1f}" height="16" rx="2" fill="{colour}"/>'
        )
        parts.append(_text(LABEL_WIDTH + value * scale + 8, y + 17, text, "start", INK))
    height = ROW * len(items) + 4
    if mark is not None:
        x = LABEL_WIDTH + mark * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height}" stroke="{AMBER}" stroke-width="2" stroke-dasharray="4 3"/>'
        )
    return _svg(height, parts)


def intervals(items: Sequence[tuple[str, float, float, float, bool]]) -> str:
    """Estimates with their intervals around a zero line: (label, low, value, high, is clear of zero); values in points."""
    if not items:
        return ""
    low = min([item[1] for item in items] + [0.0])
    high = max([item[3] for item in items] + [0.0])
    pad = (high - low) * 0.08 or 1.0
    left, width = LABEL_WIDTH, WIDTH - LABEL_WIDTH - 20
    scale = width / (high - low + 2 * pad)

    def x(value: float) -> float:
        return left + (value - low + pad) * scale

    height = 34 * len(items) + 26
    parts = []
    for tick in _ticks(low - pad, high + pad):
        parts.append(f'<line x1="{x(tick):.1f}" y1="0" x2="{x(tick):.1f}" y2="{height - 22}" stroke="{GRID}"/>')
        parts.append(_text(x(tick), height - 6, f"{tick:+g}" if tick else "0", "middle"))
    parts.append(f'<line x1="{x(0):.1f}" y1="0" x2="{x(0):.1f}" y2="{height - 22}" stroke="{INK}" stroke-width="1.5"/>')
    for place, (label, lower, value, upper, is_clear) in enumerate(items):
        y, colour = place * 34 + 17, TEAL if is_clear else GREY
        parts.append(_text(LABEL_WIDTH - 10, y + 5, label, "end"))
        parts.append(
            f'<line x1="{x(lower):.1f}" y1="{y}" x2="{x(upper):.1f}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        )
        for end in (lower, upper):
            parts.append(
                f'<line x1="{x(end):.1f}" y1="{y - 6}" x2="{x(end):.1f}" y2="{y + 6}" stroke="{colour}" stroke-width="3"/>'
            )
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="6" fill="{colour}"/>')
    return _svg(height, parts)


def funnel(steps: Sequence[tuple[str, int | None]]) -> str:
    """Steps of a funnel as centred bars; a step that cannot be judged yet is an empty dashed one."""
    top = max([count for _, count in steps if count] or [1])
    width, step_height, label = 300, 22, 78
    parts = []
    for place, (name, count) in enumerate(steps):
        y, room = place * step_height, width - label - 56
        parts.append(_text(label - 8, y + 15, name, "end", MUTED, 11))
        if count is None:
            parts.append(
                f'<rect x="{label}" y="{y + 3}" width="{room}" height="15" rx="2" fill="none" stroke="{GREY}" stroke-dasharray="3 3"/>'
            )
            parts.append(_text(label + room / 2, y + 15, "not yet mature", "middle", MUTED, 10.5, italic=True))
            continue
        bar = max(room * count / top, 1.5)
        parts.append(
            f'<rect x="{label}" y="{y + 3}" width="{bar:.1f}" height="15" rx="2" fill="{BLUE}" opacity="{1 - 0.12 * place:.2f}"/>'
        )
        parts.append(_text(label + bar + 6, y + 15, f"{count:,}", "start", INK, 11))
    return _svg(step_height * len(steps) + 2, parts, width)


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 50) if s >= raw), 100)
    first = int(low / step) - 1
    return [tick * step for tick in range(first, int(high / step) + 2) if low <= tick * step <= high]


def _text(
    x: float, y: float, text: str, anchor: str, colour: str = MUTED, size: float = 12.5, italic: bool = False
) -> str:
    style = ' font-style="italic"' if italic else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{style}>{escape(text)}</text>'


def _svg(height: float, parts: list[str], width: int = WIDTH) -> str:
    return f'<svg viewBox="0 0 {width} {height:.0f}" width="100%" style="max-width:{width}px" role="img">{"".join(parts)}</svg>'
