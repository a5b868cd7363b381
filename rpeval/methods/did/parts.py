"""Effects side by side, with what each school adds to them, and their weighted averages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """K effects on the same G schools, ready to be averaged; under many deals of start years, one more axis.

    value     : K
    influence : G by K; squares add up over schools to the variance
    left_out  : G by K, the effect without each school; NaN where it cannot be made
    own       : G by K, weight of the schools in the cohort behind the effect
    """

    value: np.ndarray
    influence: np.ndarray
    left_out: np.ndarray
    own: np.ndarray


def join(parts: Sequence[Parts]) -> Parts:
    """Put effects side by side."""
    names = ("value", "influence", "left_out", "own")
    return Parts(*(np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in names))


def pick(parts: Parts, chosen: np.ndarray) -> Parts:
    """Keep some of the effects."""
    return Parts(
        parts.value[..., chosen],
        parts.influence[..., chosen],
        parts.left_out[..., chosen],
        parts.own[..., chosen],
    )


def average(parts: Parts, *, by_size: bool) -> Parts:
    """Average effects into one, weighted by the size of their cohorts or all alike.

    By size, the influence includes that of each school on the cohort shares. Without a school, an effect
    whose cohort is then empty leaves the average.
    """
    size = parts.own.sum(axis=-2, keepdims=True)
    all_sizes, value = size.sum(axis=-1, keepdims=True), parts.value[..., None, :]
    share = size / all_sizes if by_size else np.full(size.shape, 1 / size.shape[-1])
    influence = parts.influence * share
    if by_size:
        influence = (
            influence + (parts.own - parts.own.sum(axis=-1, keepdims=True) * share) * value / all_sizes
        )
    mass = size - parts.own
    mass = np.where(mass > 1e-12 * size, mass if by_size else 1.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(mass > 0, mass * parts.left_out, 0.0).sum(axis=-1) / mass.sum(axis=-1)
    own = parts.own.max(axis=-1, keepdims=True)
    mean = (value * share).sum(axis=-1)
    return Parts(mean, influence.sum(axis=-1, keepdims=True), left[..., None], own)
