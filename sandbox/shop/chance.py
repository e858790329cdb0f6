"""Chance that is the same in every build: a number in [0, 1) from a key and a salt, no generator with a state."""

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def draw(keys: npt.ArrayLike, salt: int) -> npt.NDArray[np.float64]:
    """One number in [0, 1) per key (splitmix64 of key and salt); another salt gives an unrelated number."""
    with np.errstate(over="ignore"):
        mixed = np.asarray(keys, dtype=np.uint64) + _GOLDEN * np.uint64(salt + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def draw_one(key: int, salt: int) -> float:
    """`draw` for a single key."""
    return float(draw([key], salt)[0])
