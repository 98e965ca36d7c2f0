"""Everything the simulated operator remembers between two days: NumPy arrays by name, saved in one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conf.files import whole_file

ADDED, CANCELLED = 0, 2


class State:
    """Arrays of the world, one value per subscription unless said otherwise; attributes are the array names."""

    def __init__(self, arrays: dict[str, np.ndarray] | None = None):
        self.__dict__["arrays"] = dict(arrays or {})

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.__dict__["arrays"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: np.ndarray) -> None:
        self.__dict__["arrays"][name] = np.asarray(value)

    @property
    def size(self) -> int:
        """Number of subscriptions that exist at any time of the simulation."""
        return len(self.__dict__["arrays"]["live"])

    @property
    def day(self) -> int:
        """Day number of the last simulated day."""
        return int(self.__dict__["arrays"]["today"])

    def owns(self, product: int) -> np.ndarray:
        """Whether each subscription has the product now."""
        return (self.prod_on[product] > 0) & (self.prod_off[product] == 0)

    def user_id(self, index: np.ndarray) -> np.ndarray:
        """BOSS's id of a subscription, 14 digits."""
        return (591 + self.city[index].astype(np.int64)) * 10**11 + np.asarray(index, dtype=np.int64) * 13 + 1_000_003

    def acct_id(self, index: np.ndarray) -> np.ndarray:
        """Billing account of a subscription; most second lines are on their owner's first account."""
        index = np.asarray(index, dtype=np.int64)
        return 9 * 10**13 + np.where(index % 5 < 4, self.customer[index], index)

    def cust_id(self, customer: np.ndarray) -> np.ndarray:
        """Customer id: county of the home address and a running number."""
        return self.county_code(customer) * 10**11 + np.asarray(customer, dtype=np.int64)

    def county_code(self, index: np.ndarray) -> np.ndarray:
        """Five digits: area code of the city and two of the county."""
        return (591 + self.city[index].astype(np.int64)) * 100 + self.county[index] + 1

    def save(self, path: Path) -> None:
        """Write all arrays to one file; a reader sees the old or the new one, never half."""
        with whole_file(path) as partial, partial.open("wb") as stream:
            np.savez(stream, **self.__dict__["arrays"])

    @classmethod
    def load(cls, path: Path) -> State:
        """Read the arrays back."""
        with np.load(path, allow_pickle=False) as stored:
            return cls({name: stored[name] for name in stored.files})
