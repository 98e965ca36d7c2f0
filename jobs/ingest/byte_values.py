"""Typed values straight from the bytes of a field: compiled loops, no text in between. Blank fields stay 0 and are not bad."""

from __future__ import annotations

import numba as nb
import numpy as np

ZERO, PLUS, MINUS, POINT = 48, 43, 45, 46
OK, BAD, EMPTY = 0, 1, 2
NOT_MOBILE, BLANK_NUMBER = -1, -2
MAX_DIGITS = 18
MICROS_A_DAY = 86_400_000_000


@nb.njit(nogil=True, cache=True)
def _digits(data, at, end):
    """Value of a run of digits, -1 when any other byte is in it or it is empty or too long."""
    if end <= at or end - at > MAX_DIGITS:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(at, end):
        digit = np.int64(data[i]) - ZERO
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = value * 10 + digit
    return value


@nb.njit(nogil=True, cache=True)
def _day_number(year, month, day):
    """Days since 1970-01-01 in the Gregorian calendar, or -2**31 for a day that does not exist."""
    if year < 1 or month < 1 or month > 12 or day < 1:
        return np.int64(-2147483648)
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    last = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        last = 30
    elif month == 2:
        last = 29 if leap else 28
    if day > last:
        return np.int64(-2147483648)
    y = year - 1 if month <= 2 else year
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return np.int64(era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468)


@nb.njit(nogil=True, cache=True)
def read_integers(data, starts, ends, values, states):
    """Whole numbers with an optional sign, up to 18 digits."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        if at == end:
            states[row] = EMPTY
            continue
        negative = data[at] == MINUS
        if negative or data[at] == PLUS:
            at += 1
        value = _digits(data, at, end)
        if value < 0:
            states[row] = BAD
        else:
            states[row] = OK
            values[row] = -value if negative else value


@nb.njit(nogil=True, cache=True)
def _cents(data, point, end):
    """Fen behind the decimal point, -1 when there is no digit, another byte, or a third decimal that is not 0."""
    cents = np.int64(0)
    if point == end:
        return cents
    if point + 1 == end:
        return np.int64(-1)
    for i in range(point + 1, end):
        digit = np.int64(data[i]) - ZERO
        place = i - point
        if digit < 0 or digit > 9 or (place > 2 and digit != 0):
            return np.int64(-1)
        if place <= 2:
            cents += digit * (10 if place == 1 else 1)
    return cents


@nb.njit(nogil=True, cache=True)
def read_yuan(data, starts, ends, values, states):
    """Decimal yuan as fen: at most two decimals, a third must be 0; no floating point anywhere."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        states[row] = EMPTY if at == end else BAD
        if at == end:
            continue
        negative = data[at] == MINUS
        if negative or data[at] == PLUS:
            at += 1
        point = at
        while point < end and data[point] != POINT:
            point += 1
        whole, cents = _digits(data, at, point), _cents(data, point, end)
        if whole >= 0 and cents >= 0 and point - at <= 15:
            states[row] = OK
            values[row] = -(whole * 100 + cents) if negative else whole * 100 + cents


@nb.njit(nogil=True, cache=True)
def read_dates(data, starts, ends, values, states):
    """YYYYMMDD as days since 1970-01-01; the day must exist."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        states[row] = EMPTY if at == end else BAD
        if end - at != 8:
            continue
        number = _digits(data, at, end)
        if number < 0:
            continue
        day = _day_number(number // 10000, number // 100 % 100, number % 100)
        if day != -2147483648:
            values[row] = day
            states[row] = OK


@nb.njit(nogil=True, cache=True)
def read_months(data, starts, ends, values, states):
    """YYYYMM as a number; the month must exist."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        states[row] = EMPTY if at == end else BAD
        if end - at != 6:
            continue
        number = _digits(data, at, end)
        if number >= 190001 and number % 100 >= 1 and number % 100 <= 12:
            values[row] = number
            states[row] = OK


@nb.njit(nogil=True, cache=True)
def read_datetimes(data, starts, ends, values, states):
    """YYYYMMDDHHMMSS as microseconds of the operator's wall clock since 1970-01-01."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        states[row] = EMPTY if at == end else BAD
        if end - at != 14:
            continue
        number = _digits(data, at, end)
        if number < 0:
            continue
        date, clock = number // 1000000, number % 1000000
        day = _day_number(date // 10000, date // 100 % 100, date % 100)
        hour, minute, second = clock // 10000, clock // 100 % 100, clock % 100
        if day != -2147483648 and hour < 24 and minute < 60 and second < 60:
            values[row] = day * MICROS_A_DAY + (hour * 3600 + minute * 60 + second) * 1000000
            states[row] = OK


@nb.njit(nogil=True, cache=True)
def read_flags(data, starts, ends, yes, no, values, states):
    """1/0 and the operator's words for yes and no (two or three bytes each)."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        size = end - at
        if size == 0:
            states[row] = EMPTY
            continue
        states[row] = BAD
        if size == 1 and (data[at] == ZERO or data[at] == ZERO + 1):
            values[row] = data[at] - ZERO
            states[row] = OK
        elif size == len(yes):
            is_yes, is_no = True, True
            for i in range(size):
                is_yes = is_yes and data[at + i] == yes[i]
                is_no = is_no and data[at + i] == no[i]
            if is_yes or is_no:
                values[row] = 1 if is_yes else 0
                states[row] = OK


@nb.njit(nogil=True, cache=True)
def read_plain_imeis(data, starts, ends, values):
    """The first 14 of 14 to 16 digits as a number; 0 for any other writing, and for one digit repeated (a filler)."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = 0
        if 14 <= end - at <= 16 and _digits(data, at, end) >= 0:
            for i in range(at + 1, end):
                if data[i] != data[at]:
                    values[row] = _digits(data, at, at + 14)
                    break


@nb.njit(nogil=True, cache=True)
def read_mobiles(data, starts, ends, values):
    """Plain eleven-digit mobile numbers as integers; NOT_MOBILE for any other writing, BLANK_NUMBER for none."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        values[row] = NOT_MOBILE
        if at == end:
            values[row] = BLANK_NUMBER
        elif end - at == 11 and data[at] == ZERO + 1 and data[at + 1] >= ZERO + 3:
            number = _digits(data, at, end)
            if number > 0:
                values[row] = number
