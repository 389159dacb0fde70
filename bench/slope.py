# SPDX-License-Identifier: MIT
"""Whether a series of measurements grows. The slope is the median of the slopes between all pairs
(Theil and Sen): up to 29 % of the values may be anything without changing what it says. A leak of
a little in every round is then seen however much single rounds vary."""
import statistics


def theil_sen(values):
    """Growth per step."""
    slopes = [(values[b] - values[a]) / (b - a) for a in range(len(values)) for b in range(a + 1, len(values))]
    return statistics.median(slopes)


def settled(values):
    """What is left after the warm-up: a third of the rounds, in which caches fill."""
    return values[len(values) // 3:]
