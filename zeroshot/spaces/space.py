"""What a search strategy needs of a space of nets."""

from typing import Protocol

import numpy as np

from zeroshot.types import Int32Array, Int64Array


class Space(Protocol):
    """Nets as rows of an int32 array, as many columns as the space has numbers for a net."""

    def count(self) -> int:
        """Number of nets."""

    def decode(self, numbers: Int64Array) -> Int32Array:
        """The nets with these numbers: (n,) int64 in `range(count())` -> (n, columns)."""

    def sample(self, n: int, rng: np.random.Generator) -> Int32Array:
        """Draw n nets uniformly, with replacement: (n, columns)."""

    def mutate(self, nets: Int32Array, rng: np.random.Generator) -> Int32Array:
        """Each net with one choice made anew: (n, columns) -> (n, columns)."""

    def crossover(self, a: Int32Array, b: Int32Array, rng: np.random.Generator) -> Int32Array:
        """A child of each pair of nets: twice (n, columns) -> (n, columns)."""

    def canonical(self, nets: Int32Array) -> Int64Array:
        """A key for each net, equal where two compute the same: (n, columns) -> (n, any), zeros at its end ignored."""

    def corner(self) -> Int32Array:
        """The smallest nets: no pair is cheaper than one of these."""
