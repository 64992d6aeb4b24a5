"""Columns of numbers. What is stored there may have been damaged: SQLite keeps a text in a number's place, and any number."""

from typing import Any

from sqlalchemy import BigInteger, Dialect, Float, Integer
from sqlalchemy.types import TypeDecorator, TypeEngine

from vectorstore.errors import StoreUnavailable

FIRST_MOMENT, LAST_MOMENT = -62_135_510_400, 253_402_214_399
"""Epoch seconds a day within the calendar's ends: moments that every zone has."""
FURTHEST_ZONE = 86_399
"""Seconds by which a zone may be ahead of UTC, or behind it, in Python."""
VALUE_SHOWN = 40


class BoundedNumber(TypeDecorator[float]):
    """A number within bounds, or NULL; reading anything else raises StoreUnavailable."""

    impl: type[TypeEngine[Any]] = Float
    cache_ok = True
    kinds: tuple[type, ...] = (float, int)

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    @property
    def python_type(self) -> type[Any]:
        return self.impl_instance.python_type

    def process_result_value(self, value: float | None, dialect: Dialect) -> float | None:
        """The value as it is stored. A question reads some hundred of them."""
        if value is None or (isinstance(value, self.kinds) and self.low <= value <= self.high):
            return value
        raise StoreUnavailable(
            f"The ledger is damaged, {repr(value)[:VALUE_SHOWN]} stands in the place of a number: "
            "`dateline doctor` names it, and `dateline restore` puts a backup back."
        )


class Seconds(BoundedNumber):
    """A moment in epoch seconds, or a time that passes."""

    cache_ok = True

    def __init__(self, low: float = FIRST_MOMENT, high: float = LAST_MOMENT) -> None:
        super().__init__(low, high)


class Whole(BoundedNumber):
    """A whole number of 32 bits."""

    impl = Integer
    cache_ok = True
    kinds = (int,)

    def __init__(self, low: float = -(2**31), high: float = 2**31 - 1) -> None:
        super().__init__(low, high)


class BigWhole(Whole):
    """A whole number of 64 bits, as chat services number things."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, low: float = -(2**63), high: float = 2**63 - 1) -> None:
        super().__init__(low, high)


def zone_offset() -> Whole:
    """For the seconds by which a zone is ahead of UTC."""
    return Whole(-FURTHEST_ZONE, FURTHEST_ZONE)
