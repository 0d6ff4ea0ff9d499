"""Fixtures of classification, calibration, regression and comparison metrics.

    python tools/reference/metrics_scores.py

scikit-learn, SciPy, statsmodels, pingouin and dcurves are the references; where none computes a
quantity (DeLong's variance, Lin's interval, the Hodges-Lehmann interval, challengeR's rankings),
the definition is written out the slow way, over all pairs.
"""

import itertools
import json
import math
import pathlib

import numpy as np
import pandas as pd
import pingouin
import scipy
import scipy.stats as st
import sklearn.metrics as sm
import statsmodels.api as sma
import statsmodels.stats.contingency_tables as tables
import statsmodels.stats.multitest as multitest
import statsmodels.stats.proportion as proportion
from sklearn.calibration import calibration_curve

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/tests/fixtures"


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)

    def plain(x):
        if isinstance(x, dict):
            return {k: plain(v) for k, v in x.items()}
        if isinstance(x, (list, tuple, np.ndarray)):
            return [plain(v) for v in x]
        if isinstance(x, (bool, np.bool_)):
            return bool(x)
        if isinstance(x, (int, np.integer)):
            return int(x)
        if isinstance(x, (float, np.floating)):
            return None if not math.isfinite(x) else float(x)
        return x

    (OUT / name).write_text(json.dumps(plain(value), separators=(",", ":")) + "\n")


def delong(y, s):
    """Area and variance from the full matrix of placements."""
    p, n = s[y], s[~y]
    psi = (p[:, None] > n[None]) + 0.5 * (p[:, None] == n[None])
    v10, v01 = psi.mean(1), psi.mean(0)
    return psi.mean(), v10, v01


def delong_cov(y, a, b):
    _, a10, a01 = delong(y, a)
    _, b10, b01 = delong(y, b)
    return np.cov(a10, b10)[0, 1] / len(a10) + np.cov(a01, b01)[0, 1] / len(a01)


def binary_cases():
    rng = np.random.default_rng(1)
    y = rng.random(200) < 0.3
    s = 1 / (1 + np.exp(-(rng.normal(size=200) + 1.2 * y - 1)))
    yield "continuous", y, s
    yield "ties", y, np.round(s, 1) * 0.8 + 0.1
    yield "timid", y, 0.5 + (s - 0.5) * 0.4
    yield "perfect", y, np.where(y, 0.9, 0.1) + 0.01 * rng.random(200)
    yield "reversed", y, np.where(y, 0.1, 0.9)
    yield "all_scores_equal", y, np.full(200, 0.25)
    one = np.zeros(30, bool)
    one[7] = True
    yield "one_positive", one, rng.random(30)
    yield "all_positive", np.ones(20, bool), rng.random(20)
    yield "all_negative", np.zeros(20, bool), rng.random(20)
    rare = rng.random(399) < 0.02
    yield "rare", rare, np.clip(rng.beta(1, 20, 399) + 0.05 * rare, 0.001, 0.99)
    yield "raw_scores", y, rng.normal(size=200) + y
    certain = s.copy()
    certain[[0, 5, 9]] = [0.0, 1.0, 1.0]
    yield "certain", y, certain


def wilson(k, n):
    return list(proportion.proportion_confint(k, n, method="wilson")) if n else None


def binary(y, s):
    both = y.any() and not y.all()
    r = {"y": [int(v) for v in y], "s": list(s)}
    if both:
        r["roc_auc_score"] = sm.roc_auc_score(y, s)
        for limit in (0.1, 0.35, 1.0):
            r[f"partial_{limit}"] = sm.roc_auc_score(y, s, max_fpr=limit)
        fpr, tpr, thr = sm.roc_curve(y, s, drop_intermediate=False)
        r["roc_curve"] = [fpr, tpr, thr]
    if y.sum() > 1 and (~y).sum() > 1:
        r["delong_se"] = math.sqrt(delong_cov(y, s, s))
    if y.any():
        r["average_precision_score"] = sm.average_precision_score(y, s)
        p, rec, thr = sm.precision_recall_curve(y, s)
        r["pr_curve"] = [rec, p]
    r["at"] = []
    for t in (0.2, 0.5, 2.0, -9.0):
        c = s >= t
        tn, fp, fn, tp = sm.confusion_matrix(y, c, labels=[False, True]).ravel()
        r["at"].append(
            {
                "threshold": t,
                "counts": [tp, fp, fn, tn],
                "sensitivity": [tp / (tp + fn) if tp + fn else None, wilson(tp, tp + fn)],
                "specificity": [tn / (tn + fp) if tn + fp else None, wilson(tn, tn + fp)],
                "ppv": [tp / (tp + fp) if tp + fp else None, wilson(tp, tp + fp)],
                "npv": [tn / (tn + fn) if tn + fn else None, wilson(tn, tn + fn)],
                "accuracy": [sm.accuracy_score(y, c), wilson(tp + tn, len(y))],
                "f1_score": sm.f1_score(y, c) if tp + fp + fn else None,
                "matthews_corrcoef": sm.matthews_corrcoef(y, c)
                if min(tp + fp, tp + fn, tn + fp, tn + fn)
                else None,
                "balanced_accuracy_score": sm.balanced_accuracy_score(y, c) if both else None,
            }
        )
    if s.min() >= 0 and s.max() <= 1:
        r["brier_score_loss"] = np.mean((s - y) ** 2)
        assert not both or np.isclose(r["brier_score_loss"], sm.brier_score_loss(y, s))
        for strategy in ("uniform", "quantile"):
            if both:
                edges = (
                    np.linspace(0, 1, 16)
                    if strategy == "uniform"
                    else np.percentile(s, np.linspace(0, 1, 16) * 100)
                )
                true, pred = calibration_curve(y, s, n_bins=15, strategy=strategy)
                count = np.bincount(np.searchsorted(edges[1:-1], s), minlength=15)
                count = count[count > 0]
                gap = np.abs(true - pred)
                r[strategy] = {
                    "true": true,
                    "pred": pred,
                    "ece": (count * gap).sum() / len(y),
                    "mce": gap.max(),
                }
        if both and s.min() > 0 and s.max() < 1 and len(set(s)) > 1 and 0 < sm.roc_auc_score(y, s) < 1:
            x = np.log(s / (1 - s))
            fit = sma.Logit(y.astype(float), sma.add_constant(x)).fit(disp=0, tol=1e-12, maxiter=200)
            off = sma.GLM(
                y.astype(float), np.ones((len(y), 1)), family=sma.families.Binomial(), offset=x
            ).fit(tol=1e-14)
            r["slope"] = [fit.params[1], *fit.conf_int()[1]]
            r["intercept"] = [off.params[0], *off.conf_int()[0]]
        if both:
            import dcurves

            frame = pd.DataFrame({"y": y.astype(int), "s": s})
            thresholds = [0.05, 0.1, 0.23, 0.5, 0.77]
            d = dcurves.dca(data=frame, outcome="y", modelnames=["s"], thresholds=thresholds)
            r["decision"] = {
                name: [
                    float(d[(d.model == name) & np.isclose(d.threshold, t)].net_benefit.iloc[0])
                    for t in thresholds
                ]
                for name in ("s", "all")
            }
            r["decision"]["thresholds"] = thresholds
    return r


def classification():
    cases = {name: binary(y, s) for name, y, s in binary_cases()}
    rng = np.random.default_rng(2)
    y = rng.random(150) < 0.4
    a = rng.normal(size=150) + 1.5 * y
    b = 0.6 * a + rng.normal(size=150) + 0.4 * y
    var = delong_cov(y, a, a) + delong_cov(y, b, b) - 2 * delong_cov(y, a, b)
    diff = sm.roc_auc_score(y, a) - sm.roc_auc_score(y, b)
    paired = {
        "y": [int(v) for v in y],
        "a": a,
        "b": b,
        "difference": diff,
        "se": math.sqrt(var),
        "p": 2 * st.norm.sf(abs(diff) / math.sqrt(var)),
    }
    g1, g2 = rng.integers(0, 5, 80), rng.integers(0, 5, 80)
    g2 = np.where(rng.random(80) < 0.6, g1, g2)
    gap1, gap2 = np.where(g1 == 2, 4, g1), np.where(g2 == 2, 4, g2)
    kappa = [
        {
            "a": x,
            "b": z,
            "none": sm.cohen_kappa_score(x, z),
            "quadratic": sm.cohen_kappa_score(x, z, labels=range(5), weights="quadratic"),
        }
        for x, z in ((g1, g2), (gap1, gap2))
    ]
    ys = rng.random((60, 3)) < [0.2, 0.5, 0.3]
    ss = rng.random((60, 3)) + 0.4 * ys
    multi = {
        "y": ys.astype(int).T,
        "s": ss.T,
        "macro": sm.roc_auc_score(ys, ss, average="macro"),
        "micro": sm.roc_auc_score(ys, ss, average="micro"),
        "macro_ap": sm.average_precision_score(ys, ss, average="macro"),
        "micro_ap": sm.average_precision_score(ys, ss, average="micro"),
    }
    write("classification.json", {"cases": cases, "paired": paired, "kappa": kappa, "multi": multi})


def ccc(a, b):
    n = len(a)
    va, vb = a.var(), b.var()
    cov = ((a - a.mean()) * (b - b.mean())).mean()
    c = 2 * cov / (va + vb + (a.mean() - b.mean()) ** 2)
    rho = cov / math.sqrt(va * vb)
    u = (a.mean() - b.mean()) / (va * vb) ** 0.25
    v = (
        (1 - rho**2) * c**2 / ((1 - c**2) * rho**2)
        + 2 * c**3 * (1 - c) * u**2 / (rho * (1 - c**2) ** 2)
        - c**4 * u**4 / (2 * rho**2 * (1 - c**2) ** 2)
    ) / (n - 2)
    z = st.norm.ppf(0.975) * math.sqrt(v)
    return [c, math.tanh(math.atanh(c) - z), math.tanh(math.atanh(c) + z)]


def regression():
    rng = np.random.default_rng(3)
    t = rng.uniform(10, 220, 60)
    cases = {
        "plain": (t + rng.normal(0, 8, 60), t),
        "biased": (t * 0.9 + 20 + rng.normal(0, 3, 60), t),
        "unrelated": (rng.uniform(10, 220, 60), t),
        "three_cases": (np.array([1.0, 2.5, 2.9]), np.array([1.2, 2.0, 3.3])),
    }
    out = {}
    for name, (p, t) in cases.items():
        n, d = len(p), p - t
        sd, tq = d.std(ddof=1), st.t.ppf(0.975, len(p) - 1)
        long = pd.DataFrame(
            {
                "case": np.tile(np.arange(n), 2),
                "rater": np.repeat(["p", "t"], n),
                "value": np.r_[p, t],
            }
        )
        # pingouin rounds its intervals; the exact ones are McGraw and Wong's formulas.
        icc = pingouin.intraclass_corr(long, targets="case", raters="rater", ratings="value")
        icc = icc.set_index(icc.Type.str.replace(r"\(.*", "", regex=True))
        column = [c for c in icc.columns if c.startswith("CI95")][0]
        row = {}
        for kind, names in (("agreement", ("ICC2", "ICC(A,1)")), ("consistency", ("ICC3", "ICC(C,1)"))):
            which = [i for i, x in enumerate(pingouin.intraclass_corr(long, targets="case", raters="rater", ratings="value").Type) if x in names][0]
            x = icc.iloc[which]
            row[kind] = [x["ICC"], *map(float, x[column]), x["pval"]]
        limits = [d.mean() - 1.96 * sd, d.mean() + 1.96 * sd]
        out[name] = {
            "p": p,
            "t": t,
            "mean_absolute_error": sm.mean_absolute_error(t, p),
            "median_absolute_error": sm.median_absolute_error(t, p),
            "root_mean_squared_error": sm.root_mean_squared_error(t, p),
            "r2_score": sm.r2_score(t, p),
            "bias": [d.mean(), *st.t.interval(0.95, n - 1, d.mean(), st.sem(d))],
            "limits": limits,
            "limit_half": tq * math.sqrt(3 / n) * sd,
            "slope": st.linregress((p + t) / 2, d).slope,
            "icc": row,
            "ccc": ccc(p, t),
        }
    write("regression.json", out)


def walsh(d):
    return np.sort([(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)])


def hodges_lehmann(d):
    n, w = len(d), walsh(d)
    if n <= 50:
        counts = np.array([1.0])
        for r in range(1, n + 1):
            counts = np.convolve(counts, np.r_[1, np.zeros(r - 1), 1])
        cdf = np.cumsum(counts) / counts.sum()
        cut = int((cdf <= 0.025).sum())
    else:
        cut = math.floor(n * (n + 1) / 4 - st.norm.ppf(0.975) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    return [np.median(w), w[cut - 1] if cut else None, w[len(w) - cut] if cut else None]


def wilcox_greater(d):
    """R: wilcox.test(alternative="greater", paired=TRUE, correct=TRUE)."""
    d = d[d != 0]
    if len(d) == 0:
        return 1.0
    ties = len(set(np.abs(d))) < len(d)
    if len(d) <= 50 and not ties:
        return st.wilcoxon(d, alternative="greater", method="exact").pvalue
    return st.wilcoxon(d, alternative="greater", method="asymptotic", correction=True).pvalue


def ranks_min(score, higher):
    return st.rankdata(-score if higher else score, method="min")


def rankings(v):
    case = np.apply_along_axis(lambda c: st.rankdata(-c), 0, v)
    m = len(v)
    pairs = [(i, j) for i in range(m) for j in range(m) if i != j]
    p = [wilcox_greater(v[i] - v[j]) for i, j in pairs]
    adjusted = multitest.multipletests(p, method="holm")[1]
    wins = np.zeros(m)
    for (i, _), q in zip(pairs, adjusted):
        wins[i] += q <= 0.05
    return {
        "values": v,
        "mean": v.mean(1),
        "aggregate": ranks_min(v.mean(1), True),
        "mean_rank": case.mean(1),
        "rank_then": ranks_min(case.mean(1), False),
        "wins": wins,
        "test_then": ranks_min(wins, True),
    }


def comparison():
    rng = np.random.default_rng(4)
    out = {"wilcoxon": {}, "mcnemar": [], "holm": [], "tau": [], "distributions": {}}
    sets = {
        "small": rng.normal(0.3, 1, 12),
        "fifty": rng.normal(0.2, 1, 50),
        "many": rng.normal(0.1, 1, 120),
        "ties": np.round(rng.normal(0.3, 1, 40), 1),
        "one": np.array([0.7]),
        "negative": -np.abs(rng.normal(1, 0.2, 9)),
    }
    for name, d in sets.items():
        kept = d[d != 0]
        exact = len(kept) <= 50 and len(set(np.abs(kept))) == len(kept)
        method = "exact" if exact else "asymptotic"
        two = st.wilcoxon(d, zero_method="wilcox", correction=False, method=method)
        out["wilcoxon"][name] = {
            "d": d,
            "p": two.pvalue,
            "greater": wilcox_greater(d),
            "rank_sum": st.wilcoxon(d, alternative="greater", method=method).statistic,
            "hodges_lehmann": hodges_lehmann(d),
        }
    for b, c in ((3, 9), (0, 5), (0, 0), (12, 12), (20, 40), (13, 12)):
        exact = b + c < 25
        p = tables.mcnemar([[50, b], [c, 10]], exact=exact, correction=True).pvalue if b + c else 1.0
        out["mcnemar"].append([b, c, min(p, 1.0)])
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5], [0.02, 0.02, 0.9], []):
        out["holm"].append([p, list(multitest.multipletests(p, method="holm")[1]) if p else []])
    for a, b in (([1, 2, 3, 4], [1, 3, 2, 4]), ([1, 1, 3, 4], [2, 1, 3, 3]), ([1, 2, 3], [3, 2, 1])):
        out["tau"].append([a, b, st.kendalltau(a, b).statistic])
    d = rng.normal(0.4, 1, 10)
    out["sign_flip"] = {
        "d": d,
        "p": st.permutation_test(
            (d,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
        ).pvalue,
    }
    base = rng.beta(8, 2, 40)
    v = np.clip(np.array([base + rng.normal(m, 0.05, 40) for m in (0.02, 0.0, -0.04, -0.05)]), 0, 1)
    out["ranking"] = rankings(v)
    small = rng.normal(size=25)
    res = st.bootstrap((small,), np.mean, n_resamples=999, method="BCa", rng=5)
    jack = np.array([np.delete(small, i).mean() for i in range(25)])
    out["bca"] = {
        "estimate": small.mean(),
        "resamples": np.sort(res.bootstrap_distribution),
        "jackknife": jack,
        "interval": list(res.confidence_interval),
        "percentile": list(np.percentile(res.bootstrap_distribution, [2.5, 97.5])),
    }
    out["distributions"] = {
        "normal_cdf": [[x, st.norm.cdf(x)] for x in (-30.0, -8.0, -1.96, -0.1, 0.0, 0.3, 2.5, 6.0)],
        "normal_quantile": [[p, st.norm.ppf(p)] for p in (1e-10, 0.025, 0.4, 0.5, 0.8, 0.999999)],
        "t_cdf": [[x, n, st.t.cdf(x, n)] for x in (-12.0, -1.0, 0.0, 2.2) for n in (1, 2, 7, 30, 500)],
        "t_of_level": [[n, st.t.ppf(0.975, n)] for n in (1, 2, 5, 29, 1000)],
        "f_quantile": [
            [p, a, b, st.f.ppf(p, a, b)] for p in (0.025, 0.975) for a, b in ((1, 5), (9, 9), (40, 3.7))
        ],
        "chi2_sf": [[x, n, st.chi2.sf(x, n)] for x in (0.01, 1.0, 3.84, 60.0) for n in (1, 4)],
        "ln_gamma": [[x, scipy.special.gammaln(x)] for x in (0.1, 0.5, 1.0, 2.0, 9.5, 10.5, 300.0)],
    }
    write("comparison.json", out)


def recalibration():
    """Logistic recalibration of films of patients: statsmodels' sandwich over patients."""
    rng = np.random.default_rng(17)
    patients = rng.integers(0, 40, 120)
    pull = rng.normal(size=40)[patients]
    truth = rng.random(120) < 1 / (1 + np.exp(-0.8 * pull))
    scores = np.round(1 / (1 + np.exp(-(0.9 * truth + 0.7 * pull + rng.normal(size=120)))), 4)
    x = np.log(scores / (1 - scores))
    kind = {"cov_type": "cluster", "cov_kwds": {"groups": patients}}
    y = truth.astype(float)
    fit = sma.Logit(y, sma.add_constant(x)).fit(disp=0, tol=1e-12, maxiter=200, **kind)
    ones = np.ones((len(y), 1))
    off = sma.GLM(y, ones, family=sma.families.Binomial(), offset=x).fit(tol=1e-14, **kind)
    write(
        "recalibration.json",
        {
            "scores": scores,
            "truth": truth.astype(int),
            "patients": patients,
            "slope": [fit.params[1], *fit.conf_int()[1]],
            "intercept": [off.params[0], *off.conf_int()[0]],
        },
    )


if __name__ == "__main__":
    classification()
    recalibration()
    regression()
    comparison()
    print("scikit-learn", __import__("sklearn").__version__, "scipy", scipy.__version__)
