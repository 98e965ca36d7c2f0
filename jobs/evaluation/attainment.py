"""KPI arithmetic: closing counts of months, their year-to-date average, attainment of the annual target."""

from __future__ import annotations

from collections.abc import Sequence

MEAN_OF_MONTHS = "ytd_monthly_avg"
CLOSING = "closing"


def ytd_monthly_avg(closing_counts: Sequence[float]) -> float:
    """Mean of the closing counts of months 1..m. Raises ValueError without a month."""
    if not closing_counts:
        raise ValueError("year-to-date average: wanted the closing counts of months 1..m, found none")
    return sum(closing_counts) / len(closing_counts)


def closing_from_averages(month: int, average: float, average_before: float) -> float:
    """Closing count of a month from two year-to-date averages: m x avg(m) - (m - 1) x avg(m - 1)."""
    return month * average - (month - 1) * average_before


def kpi_attainment(measure: float, annual_target: float) -> float:
    """Share of the annual target reached; the measure is the year-to-date average or the closing count."""
    if annual_target <= 0:
        raise ValueError(f"annual target {annual_target}: wanted a positive number of users")
    return measure / annual_target


def kpi_rows(kpi: str, method: str, annual_target: float, closings: dict[int, float]) -> list[dict]:
    """Report rows of one KPI and year from the closing counts by month number (1..12, without a gap from January).

    A month after the first gap has no year-to-date average and is left out.
    """
    rows = []
    for month in range(1, 13):
        if month not in closings:
            break
        average = ytd_monthly_avg([closings[number] for number in range(1, month + 1)])
        measure = average if method == MEAN_OF_MONTHS else closings[month]
        attained = kpi_attainment(measure, annual_target)
        rows.append(
            {
                "kpi": kpi,
                "month": month,
                "closing_count": closings[month],
                "ytd_monthly_avg": average,
                "measure": measure,
                "annual_target": annual_target,
                "kpi_attainment": attained,
            }
        )
    return rows
