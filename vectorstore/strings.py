"""Many strings as two arrays, which a file can hold and a process can map instead of reading."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """Strings one after the other in `utf8`; string n is utf8[starts[n]:starts[n + 1]]. Both arrays are never written."""

    utf8: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, strings: Iterable[str]) -> "Strings":
        encoded = [utf8_of(string) for string in strings]
        starts = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(one) for one in encoded], out=starts[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> str:
        return self.encoded(number).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        whole = self.utf8.tobytes()
        for start, end in pairwise(self.starts.tolist()):
            yield whole[start:end].decode("utf-8", "surrogatepass")

    def encoded(self, number: int) -> bytes:
        return self.utf8[self.starts[number] : self.starts[number + 1]].tobytes()

    def place_of(self, wanted: str) -> int | None:
        """The number of a string, None where it is not there; the strings must be sorted."""
        # Bytes of UTF-8 sort as the characters do.
        key, low, high = utf8_of(wanted), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.encoded(middle) < key:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self.encoded(low) == key else None


def utf8_of(string: str) -> bytes:
    """UTF-8 that takes half a surrogate pair as well: text from outside may hold one."""
    return string.encode("utf-8", "surrogatepass")
