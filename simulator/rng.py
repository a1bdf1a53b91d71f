"""Random numbers that any day can draw alone.

A draw is a hash of (seed, stream, identity, day), so that generating one day gives the same bytes as generating all
days in sequence. Populations that are made once use `generator`.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def generator(seed: int, stream: str) -> np.random.Generator:
    """Return a generator that depends on the seed and the stream's name alone."""
    return np.random.default_rng([seed & 0xFFFFFFFF, zlib.crc32(stream.encode())])


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit words (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def uniform(seed: int, stream: str, ids: Ints, day: int = 0) -> Floats:
    """Return one number in [0, 1) for each identity, the same whenever it is asked for."""
    key = (
        zlib.crc32(stream.encode()) * _GOLDEN
        + (seed & _MASK) * 0xD1342543DE82EF95
        + (day + 100_000) * 0x2545F4914F6CDD1D
    ) & _MASK
    with np.errstate(over="ignore"):
        words = _mix(np.asarray(ids).astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))
        words = _mix(words + np.uint64(key))
    return (words >> np.uint64(11)).astype(np.float64) * (1.0 / (1 << 53))


def chance(seed: int, stream: str, identity: int, day: int = 0) -> float:
    """Return `uniform` for one identity."""
    return float(uniform(seed, stream, np.array([identity], dtype=np.int64), day)[0])


def bell(seed: int, stream: str, ids: Ints, day: int = 0) -> Floats:
    """Return numbers that are about standard normal (a sum of three uniforms, so within ±3)."""
    total = sum((uniform(seed, f"{stream}:{part}", ids, day) for part in range(3)), np.zeros(len(ids)))
    return (total - 1.5) * 2.0
