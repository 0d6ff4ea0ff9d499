"""Fixture of the score interval of an area under the ROC curve.

    python tools/reference/metrics_newcombe.py

Newcombe, Statistics in Medicine 25:559-573 (2006), method 5 (the default of auc.nonpara.mw in the R
package auRoc), solved by SciPy's root finder.
"""

import json
import math
import pathlib

from scipy.optimize import brentq
from scipy.stats import norm

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/metrics/tests/fixtures/newcombe.json"


def interval(area, m, n, level):
    z = norm.ppf(0.5 + level / 2)
    star = (m + n) / 2 - 1

    def excess(theta):
        v = theta * (1 - theta) / (m * n)
        v *= 1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)
        return (theta - area) ** 2 - z * z * v

    # Away from the area itself, where the excess has a root of its own at 0 and 1.
    low = 0.0 if area == 0 else brentq(excess, 0, area - 1e-9 if area == 1 else area, xtol=1e-15)
    high = 1.0 if area == 1 else brentq(excess, area + 1e-9 if area == 0 else area, 1, xtol=1e-15)
    return low, high


if __name__ == "__main__":
    rows = []
    for area in (0.0, 0.31, 0.5, 0.875, 0.99, 1.0):
        for m, n in ((1, 1), (2, 5), (10, 10), (7, 300), (1000, 40)):
            for level in (0.9, 0.95):
                rows.append([area, m, n, level, *interval(area, m, n, level)])
    assert all(math.isfinite(x) for row in rows for x in row)
    OUT.write_text(json.dumps(rows, separators=(",", ":")) + "\n")
