"""The incomplete beta function in plain Python, and the binomial tails that follow from it.

scipy has the same functions, but importing it would take two seconds of every run. Parameters may be real numbers
everywhere, because the design-effect rule divides counts.

Tested in tests/stats/test_exact_error_rates.py.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 4e-16
_MAX_STEPS = 100_000


def log_beta(a: float, b: float) -> float:
    """The logarithm of B(a, b), for a, b > 0."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b), a, b > 0: the regularised incomplete beta function I_x(a, b)."""
    return _compute_tails(x, a, b)[0]


def beta_sf(x: float, a: float, b: float) -> float:
    """P(X > x) for X ~ Beta(a, b), without the cancellation of 1 - cdf in the far tail."""
    return _compute_tails(x, a, b)[1]


def log_beta_integral(x: float, a: float, b: float) -> float:
    """The logarithm of the integral of t^(a-1) (1-t)^(b-1) over (0, x), 0 < x < 1, without underflow."""
    log_front = a * math.log(x) + b * math.log1p(-x)
    if _converges_fast(x, a, b):
        return log_front - math.log(a) + math.log(_continued_fraction(x, a, b))
    log_total = log_beta(a, b)
    upper = math.exp(log_front - math.log(b) - log_total) * _continued_fraction(1 - x, b, a)
    return log_total + math.log1p(-min(upper, 1 - 1e-16))


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with P(X <= x) = p for X ~ Beta(a, b), by Newton's method inside a shrinking bracket."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(200):
        below, above = _compute_tails(x, a, b)
        # Computed from the smaller tail, which has more significant digits.
        excess = below - p if below < 0.5 else (1 - p) - above
        if excess == 0:
            break
        low, high = (low, x) if excess > 0 else (x, high)
        log_density = (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_beta(a, b)
        previous = x
        x = (low + high) / 2
        if log_density > -600:
            guess = previous - excess * math.exp(-log_density)
            x = guess if low < guess < high else x
        if not 0 < x < 1 or abs(x - previous) <= 1e-15 * x:
            break
    return x


def binomial_cdf(k: float, n: float, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p)."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else beta_sf(p, k + 1, n - k)


def binomial_sf(k: float, n: float, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p), k included."""
    if k <= 0:
        return 1.0
    return 0.0 if k > n else beta_cdf(p, k, n - k + 1)


def _compute_tails(x: float, a: float, b: float) -> tuple[float, float]:
    """P(X <= x) and P(X > x) for X ~ Beta(a, b)."""
    if x <= 0:
        return 0.0, 1.0
    if x >= 1:
        return 1.0, 0.0
    log_front = a * math.log(x) + b * math.log1p(-x) - log_beta(a, b)
    if _converges_fast(x, a, b):
        lower = min(1.0, math.exp(log_front - math.log(a)) * _continued_fraction(x, a, b))
        return lower, 1 - lower
    upper = min(1.0, math.exp(log_front - math.log(b)) * _continued_fraction(1 - x, b, a))
    return 1 - upper, upper


def _continued_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction F in I_x(a, b) = x^a (1-x)^b F / (a B(a, b)); DLMF 8.17.22, modified Lentz.

    It converges in O(sqrt(max(a, b))) steps if x < (a+1)/(a+b+2); otherwise use the mirror image, I_x(a, b) =
    1 - I_{1-x}(b, a). Raises `ArithmeticError` when it does not converge.
    """
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    fraction = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 + term * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + term / c
            c = c if abs(c) > _TINY else _TINY
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            return fraction
    raise ArithmeticError(f"the incomplete beta function did not converge at x={x}, a={a}, b={b}")


def _converges_fast(x: float, a: float, b: float) -> bool:
    """Whether the continued fraction converges fast at (x, a, b) itself, rather than at its mirror image."""
    return x < (a + 1) / (a + b + 2)
