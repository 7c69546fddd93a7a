"""Evidence that an error rate lies below a limit, exact at every sample size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, logsumexp

BETS = np.array([1 / 3, 2 / 3, 1.0])
"""Shares of the largest bet that cannot lose more than it has; the p-value averages over them."""


def binomial_p_value(wrong: ArrayLike, tags: ArrayLike, rate: float) -> NDArray[np.float64]:
    """Return the chance of so few wrong tags, were the error rate `rate` or above.

    Rejecting at `delta` is the same as finding the one-sided Clopper-Pearson upper bound of
    confidence ``1 - delta`` below `rate`. The tags must be independent of each other: one an
    article. Between whole numbers it interpolates, which serves to plan.

    Parameters
    ----------
    wrong, tags : array-like of float
        How many tags were wrong, of how many; broadcast together.
    rate : float
        The error rate to be excluded, between 0 and 1.

    References
    ----------
    C. J. Clopper and E. S. Pearson (1934), The use of confidence or fiducial limits illustrated
    in the case of the binomial, Biometrika 26(4).

    Examples
    --------
    Without an error, 45 tags are the fewest that show at 90 % confidence an error rate below 5 %:

    >>> binomial_p_value([0, 0], [44, 45], 0.05).round(3).tolist()
    [0.105, 0.099]
    """
    n_wrong, n_tags = np.broadcast_arrays(np.asarray(wrong, float), np.asarray(tags, float))
    right = n_tags - n_wrong
    chance = betainc(np.maximum(right, 1e-12), n_wrong + 1, 1 - rate)
    return np.where(right > 0, chance, 1.0)


def betting_p_value(wrong: ArrayLike, tags: ArrayLike, rate: float, most: int) -> float:
    """Return a p-value of the ratio E[wrong] / E[tags] being `rate` or above, by betting.

    The tags of an article may depend on each other in any way; articles are independent. A
    gambler who stakes a fixed share on ``rate * tags - wrong`` of every article gains nothing in
    expectation when the ratio is `rate` or above, so by Markov's inequality one over the gambler's
    wealth is a p-value.

    Parameters
    ----------
    wrong, tags : array-like of int, shape (n_articles,)
        How many tags of each article were wrong, of how many.
    rate : float
        The error rate to be excluded, between 0 and 1.
    most : int
        How many tags an article can have at most, here and in the future.

    References
    ----------
    I. Waudby-Smith and A. Ramdas (2024), Estimating means of bounded random variables by
    betting, Journal of the Royal Statistical Society B 86(1).

    Examples
    --------
    >>> round(betting_p_value([0] * 100, [2] * 100, 0.05, most=2), 3)
    0.015
    """
    gain = rate * np.asarray(tags, float) - np.asarray(wrong, float)
    stakes = BETS / (most * (1 - rate))
    with np.errstate(divide="ignore"):  # the largest bet loses all on an article of wrong tags
        growth = np.log1p(np.maximum(stakes[:, None] * gain, -1.0)).sum(axis=1)
    return float(np.exp(min(0.0, np.log(len(BETS)) - logsumexp(growth))))
