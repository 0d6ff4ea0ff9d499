//! Regression and comparison against SciPy, statsmodels, pingouin and the definitions over all pairs.

mod common;

use common::{fixture, floats, near, same};
use metrics::classification::{Binary, Ranked};
use metrics::compare::{
    Better, Units, Way, aggregate_then_rank, bca, by_unit, hodges_lehmann, holm, kendall_tau,
    mcnemar, non_inferiority, percentile, rank_stability, rank_then_aggregate, sign_flip,
    swap_test, test_then_rank, wilcoxon, wilcoxon_greater,
};
use metrics::regression::Paired;
use metrics::{Interval, Undefined, stats};

#[test]
fn distributions_are_scipys() {
    let all = fixture("comparison.json");
    let rows = |name: &str| -> Vec<Vec<f64>> {
        all["distributions"][name].as_array().unwrap().iter().map(floats).collect()
    };
    let relative = |what: &str, got: f64, expected: f64| {
        let off = (got - expected).abs();
        assert!(off <= 2e-12 * expected.abs() + 1e-15, "{what}: {got} is not {expected}");
    };
    for row in rows("normal_cdf") {
        let off = (stats::normal_cdf(row[0]) - row[1]).abs();
        assert!(off <= 1e-11 * row[1], "{row:?}");
    }
    rows("normal_quantile")
        .iter()
        .for_each(|r| relative("ppf", stats::normal_quantile(r[0]), r[1]));
    rows("t_cdf").iter().for_each(|r| relative("t", stats::t_cdf(r[0], r[1]), r[2]));
    rows("t_of_level").iter().for_each(|r| near("t", stats::t_of_level(0.95, r[0]), r[1], 1e-11));
    let f = |r: &Vec<f64>| near("f", stats::f_quantile(r[0], r[1], r[2]), r[3], 1e-11);
    rows("f_quantile").iter().for_each(f);
    rows("chi2_sf").iter().for_each(|r| near("chi2", stats::chi2_sf(r[0], r[1]), r[2], 1e-13));
    rows("ln_gamma").iter().for_each(|r| near("gamma", stats::ln_gamma(r[0]), r[1], 1e-13));
}

#[test]
fn regression_is_the_references() {
    let all = fixture("regression.json");
    for (name, case) in all.as_object().unwrap() {
        let paired = Paired::new(floats(&case["p"]), floats(&case["t"])).unwrap();
        same(name, paired.mean_absolute_error(), &case["mean_absolute_error"], 1e-13);
        same(name, paired.median_absolute_error(), &case["median_absolute_error"], 1e-13);
        same(name, paired.root_mean_squared_error(), &case["root_mean_squared_error"], 1e-13);
        same(name, paired.r2(), &case["r2_score"], 1e-12);
        let found = paired.bland_altman(0.95).unwrap();
        let bias = floats(&case["bias"]);
        near(name, found.bias, bias[0], 1e-12);
        near(name, found.bias_interval.low, bias[1], 1e-10);
        near(name, found.bias_interval.high, bias[2], 1e-10);
        let limits = floats(&case["limits"]);
        near(name, found.lower, limits[0], 1e-12);
        near(name, found.upper, limits[1], 1e-12);
        let half = case["limit_half"].as_f64().unwrap();
        near(name, found.upper_interval.high - found.upper, half, 1e-10);
        near(name, found.lower - found.lower_interval.low, half, 1e-10);
        same(name, found.proportional_slope, &case["slope"], 1e-11);
        for (key, icc) in [
            ("agreement", paired.icc_agreement(0.95).unwrap()),
            ("consistency", paired.icc_consistency(0.95).unwrap()),
        ] {
            let expected = floats(&case["icc"][key]);
            near(name, icc.value, expected[0], 1e-10);
            let interval = icc.interval.unwrap();
            // pingouin rounds the interval to two places.
            near(name, interval.low, expected[1], 0.00501);
            near(name, interval.high, expected[2], 0.00501);
            near(name, icc.p, expected[3], 1e-9);
        }
        let (ccc, interval) = paired.concordance(0.95).unwrap();
        let expected = floats(&case["ccc"]);
        near(name, ccc, expected[0], 1e-12);
        near(name, interval.unwrap().low, expected[1], 1e-10);
        near(name, interval.unwrap().high, expected[2], 1e-10);
    }
}

#[test]
fn agreement_without_spread_is_named() {
    let constant = Paired::new(vec![2.0; 4], vec![2.0; 4]).unwrap();
    assert_eq!(constant.icc_agreement(0.95).unwrap_err(), Undefined::NoSpread);
    assert_eq!(constant.concordance(0.95).unwrap_err(), Undefined::NoSpread);
    assert_eq!(constant.r2(), Err(Undefined::NoSpread));
    let perfect = Paired::new(vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0]).unwrap();
    assert_eq!(perfect.icc_agreement(0.95).unwrap().value, 1.0);
    assert_eq!(perfect.icc_agreement(0.95).unwrap().interval, None);
    // Two cases that differ less than their readings: the interval's approximation would exclude the value.
    let apart = Paired::new(vec![59.0, 90.5], vec![118.0, 92.0]).unwrap();
    let icc = apart.icc_agreement(0.95).unwrap();
    assert!((icc.value + 0.8877).abs() < 1e-4 && icc.interval.is_none(), "{:?}", icc.interval);
    assert_eq!(perfect.concordance(0.95).unwrap(), (1.0, None));
    // A case that counts twice is two cases; the others of a constant truth are no spread.
    let (p, t) = (vec![1.0, 2.5, 3.5, 3.0], vec![0.7, 2.9, 3.1, 3.1]);
    let weight = |at: usize| [1.0, 2.0, 0.0, 1.0][at];
    let written = Paired::new(vec![1.0, 2.5, 2.5, 3.0], vec![0.7, 2.9, 2.9, 3.1]).unwrap();
    let weighted = Paired::new(p, t).unwrap();
    near("r2", weighted.r2_of(&weight).unwrap(), written.r2().unwrap(), 1e-12);
    let slope = written.bland_altman(0.95).unwrap().proportional_slope.unwrap();
    near("slope", weighted.proportional_slope_of(&weight).unwrap(), slope, 1e-12);
    let same = |at: usize| f64::from(u8::from(at > 1));
    assert_eq!(weighted.r2_of(&same), Err(Undefined::NoSpread));
    let one = Paired::new(vec![1.0], vec![2.0]).unwrap();
    assert_eq!(one.bland_altman(0.95).unwrap_err(), Undefined::TooFew);
    assert_eq!(one.mean_absolute_error(), Ok(1.0));
    let none = Paired::new(vec![], vec![]).unwrap();
    assert_eq!(none.mean_absolute_error(), Err(Undefined::NoCases));
    assert!(Paired::new(vec![1.0, 2.0], vec![1.0, f64::NAN]).is_err());
}

#[test]
fn paired_tests_are_the_references() {
    let all = fixture("comparison.json");
    for (name, case) in all["wilcoxon"].as_object().unwrap() {
        let d = floats(&case["d"]);
        let two = wilcoxon(&d).unwrap();
        near(name, two.p, case["p"].as_f64().unwrap(), 1e-11);
        near(name, two.rank_sum, case["rank_sum"].as_f64().unwrap(), 1e-13);
        near(name, wilcoxon_greater(&d).unwrap().p, case["greater"].as_f64().unwrap(), 1e-11);
        let found = hodges_lehmann(&d, 0.95).unwrap();
        let expected = floats(&case["hodges_lehmann"]);
        near(name, found.estimate, expected[0], 1e-13);
        match found.interval {
            Some(interval) => {
                near(name, interval.low, expected[1], 1e-13);
                near(name, interval.high, expected[2], 1e-13);
            }
            None => assert!(expected[1].is_nan(), "{name}"),
        }
    }
    assert_eq!(wilcoxon(&[0.0, 0.0]).unwrap_err(), Undefined::NoSpread);
    assert_eq!(wilcoxon(&[]).unwrap_err(), Undefined::NoCases);
    for row in all["mcnemar"].as_array().unwrap().iter().map(floats) {
        let (b, c) = (row[0] as usize, row[1] as usize);
        let first: Vec<bool> = (0..b + c + 7).map(|at| at < b || at >= b + c).collect();
        let second: Vec<bool> = (0..b + c + 7).map(|at| at >= b).collect();
        near("mcnemar", mcnemar(&first, &second).p, row[2], 1e-12);
    }
    for row in all["holm"].as_array().unwrap() {
        let (p, expected) = (floats(&row[0]), floats(&row[1]));
        assert_eq!(holm(&p).len(), expected.len());
        holm(&p).iter().zip(expected).for_each(|(a, b)| near("holm", *a, b, 1e-14));
    }
    for row in all["tau"].as_array().unwrap() {
        same("tau", kendall_tau(&floats(&row[0]), &floats(&row[1])), &row[2], 1e-13);
    }
    assert_eq!(kendall_tau(&[1.0, 1.0], &[1.0, 2.0]), Err(Undefined::NoSpread));
}

#[test]
fn sign_flips_are_exact_when_few_and_close_when_many() {
    let all = fixture("comparison.json");
    let d = floats(&all["sign_flip"]["d"]);
    let expected = all["sign_flip"]["p"].as_f64().unwrap();
    let units = Units::single(d.len());
    let exact = sign_flip(&d, &units, 10_000, 1, 2).unwrap();
    assert!(exact.exact);
    near("exact", exact.p, expected, 1e-13);
    let sampled = sign_flip(&d, &units, 1000, 1, 2).unwrap();
    assert!(!sampled.exact);
    // Three standard errors of a share of 1000.
    near("sampled", sampled.p, expected, 3.0 * (expected * (1.0 - expected) / 1000.0).sqrt());
    assert_eq!(sampled, sign_flip(&d, &units, 1000, 1, 1).unwrap());
    // All cases of one patient flip together: two patterns, both as extreme.
    let together = Units::grouped(&vec!["p"; d.len()]);
    assert_eq!(sign_flip(&d, &together, 10_000, 1, 1).unwrap().p, 1.0);
}

#[test]
fn intervals_of_resamples_are_scipys() {
    let all = fixture("comparison.json");
    let case = &all["bca"];
    let resamples = floats(&case["resamples"]);
    let estimate = case["estimate"].as_f64().unwrap();
    let found = bca(estimate, &resamples, &floats(&case["jackknife"]), 0.95).unwrap();
    let expected = floats(&case["interval"]);
    near("low", found.low, expected[0], 1e-11);
    near("high", found.high, expected[1], 1e-11);
    let plain = percentile(&resamples, 0.95).unwrap();
    let expected = floats(&case["percentile"]);
    near("low", plain.low, expected[0], 1e-13);
    near("high", plain.high, expected[1], 1e-13);
}

#[test]
fn the_bootstrap_draws_patients_and_repeats_itself() {
    let keys = ["a", "a", "b", "c", "c", "c", "d", "e"];
    let units = Units::grouped(&keys);
    assert_eq!(units.len(), 5);
    let scores = vec![0.9, 0.7, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2];
    let truth = vec![true, false, true, true, false, false, false, true];
    let binary = Binary::new(scores.clone(), truth.clone()).unwrap();
    let ranked = Ranked::by_unit(&binary, units.of_case());
    let run = |threads| units.bootstrap(7, 500, threads, |weights| ranked.auroc_of(weights));
    let found = run(2);
    assert_eq!(found, run(1));
    assert_ne!(found, units.bootstrap(8, 500, 1, |weights| ranked.auroc_of(weights)));
    // Every resample equals the area of the cases written out as often as they were drawn.
    let mut weights = Vec::new();
    for draw in 0..500 {
        units.draw(7, draw, &mut weights);
        assert_eq!(weights.iter().sum::<u32>(), 5);
        let (mut s, mut t) = (Vec::new(), Vec::new());
        for case in 0..keys.len() {
            for _ in 0..weights[units.of_case()[case] as usize] {
                s.push(scores[case]);
                t.push(truth[case]);
            }
        }
        let plain = Binary::new(s, t).unwrap();
        assert_eq!(found.values[draw as usize], plain.ranked().auroc());
        let precision = ranked.average_precision_of(&weights);
        match (precision, plain.ranked().average_precision()) {
            (Ok(a), Ok(b)) => near("ap", a, b, 1e-14),
            (a, b) => assert_eq!(a, b),
        }
    }
}

#[test]
fn a_bootstrap_covers_the_truth_about_as_often_as_it_says() {
    // 200 samples of 40 numbers of mean 1/2: the 95 % interval misses it in some 5 %.
    let mut missed = 0;
    for sample in 0..200 {
        let mut random = metrics::random::Random::new(99, sample);
        let values: Vec<f64> = (0..40).map(|_| random.bits() as f64 / u64::MAX as f64).collect();
        let units = Units::single(values.len());
        let found = units.bootstrap(sample, 400, 1, |weights| {
            let sum: f64 = values.iter().zip(weights).map(|(v, w)| v * f64::from(*w)).sum();
            Ok(sum / values.len() as f64)
        });
        let interval = found.interval(0.95).unwrap();
        missed += usize::from(interval.low > 0.5 || interval.high < 0.5);
    }
    assert!((3..=24).contains(&missed), "{missed} of 200");
}

#[test]
fn resamples_without_value_are_not_swallowed() {
    let binary = Binary::new(vec![0.9, 0.1, 0.2, 0.3], vec![true, false, false, false]).unwrap();
    let ranked = binary.ranked();
    let found = Units::single(4).bootstrap(1, 400, 1, |weights| ranked.auroc_of(weights));
    // The only positive is missing in (3/4)^4 = 32 % of the resamples.
    assert!((90..170).contains(&found.undefined()), "{}", found.undefined());
    assert_eq!(found.interval(0.95), Err(Undefined::UnstableResamples));
}

#[test]
fn rankings_are_challengers() {
    let all = fixture("comparison.json");
    let case = &all["ranking"];
    let values: Vec<Vec<f64>> = case["values"].as_array().unwrap().iter().map(floats).collect();
    let check = |found: &[f64], key: &str| {
        found.iter().zip(floats(&case[key])).for_each(|(a, b)| near(key, *a, b, 1e-12));
    };
    let mean = aggregate_then_rank(&values, Better::Higher);
    check(&mean.score, "mean");
    check(&mean.rank, "aggregate");
    let by_case = rank_then_aggregate(&values, Better::Higher);
    check(&by_case.score, "mean_rank");
    check(&by_case.rank, "rank_then");
    let tested = test_then_rank(&values, Better::Higher, 0.05);
    check(&tested.score, "wins");
    check(&tested.rank, "test_then");
    let turned: Vec<Vec<f64>> =
        values.iter().map(|model| model.iter().map(|v| -v).collect()).collect();
    assert_eq!(aggregate_then_rank(&turned, Better::Lower).rank, mean.rank);
    let units = Units::single(values[0].len());
    let firm = |way, threads| {
        rank_stability(&values, Better::Higher, way, &units, 1, 1000, threads).unwrap()
    };
    for way in [Way::AggregateThenRank, Way::RankThenAggregate, Way::TestThenRank(0.05)] {
        assert_eq!(firm(way, 2), firm(way, 1));
    }
    let firm = firm(Way::AggregateThenRank, 1);
    for (model, share) in firm.share.iter().enumerate() {
        near("shares", share.iter().sum(), 1.0, 1e-9);
        let mode = (0..4).max_by(|&a, &b| share[a].total_cmp(&share[b])).unwrap();
        assert_eq!(mode as f64 + 1.0, mean.rank[model]);
    }
    assert!(firm.tau.unwrap() > 0.7 && firm.tau.unwrap() <= 1.0);
}

#[test]
fn tests_rank_each_resample_of_patients() {
    // Three films a patient, twelve patients; the first model is better on most.
    let keys: Vec<u32> = (0..36).map(|case| case / 3).collect();
    let units = Units::grouped(&keys);
    let value = |model: usize, case: usize| {
        let noise = ((case * 37 + model * 11) % 23) as f64 / 100.0;
        [0.8, 0.78, 0.6][model] + noise
    };
    let values: Vec<Vec<f64>> =
        (0..3).map(|model| (0..36).map(|case| value(model, case)).collect()).collect();
    let means = by_unit(&values, &units);
    assert_eq!((means.len(), means[0].len()), (3, 12));
    near("mean", means[1][2], (6..9).map(|case| value(1, case)).sum::<f64>() / 3.0, 1e-14);
    // Every resample written out.
    let mut weights = Vec::new();
    let mut share = vec![vec![0.0; 3]; 3];
    for draw in 0..200 {
        units.draw(5, draw, &mut weights);
        let written = |model: &Vec<f64>| -> Vec<f64> {
            let mut all = Vec::new();
            for (value, times) in model.iter().zip(&weights) {
                (0..*times).for_each(|_| all.push(*value));
            }
            all
        };
        let drawn: Vec<Vec<f64>> = means.iter().map(written).collect();
        let ranks = test_then_rank(&drawn, Better::Higher, 0.05).rank;
        ranks.iter().enumerate().for_each(|(model, rank)| share[model][*rank as usize - 1] += 1.0);
    }
    let way = Way::TestThenRank(0.05);
    let found = rank_stability(&values, Better::Higher, way, &units, 5, 200, 2).unwrap();
    for (found, expected) in found.share.iter().flatten().zip(share.iter().flatten()) {
        near("share", *found, expected / 200.0, 1e-9);
    }
    assert!(found.share[2][2] > 0.9);
    // One patient: every resample is the same, which says nothing.
    let one = Units::grouped(&vec![0; 36]);
    assert_eq!(rank_stability(&values, Better::Higher, way, &one, 5, 200, 1), None);
    let mean = one.bootstrap(1, 100, 1, |_| Ok(1.0));
    assert_eq!(mean.interval(0.95), Err(Undefined::TooFew));
}

#[test]
fn areas_are_compared_by_patient_on_ranks() {
    let truth = vec![true, true, false, true, false, false, true, false];
    let first = Binary::new(vec![0.9, 0.8, 0.3, 0.7, 0.2, 0.4, 0.6, 0.1], truth.clone()).unwrap();
    // On another scale, with a tie.
    let second = Binary::new(vec![9.0, 2.0, 3.0, 3.0, 1.0, 8.0, 5.0, 0.5], truth).unwrap();
    let keys = [0u32, 0, 1, 1, 2, 3, 4, 5];
    let both = Ranked::of_two(&first, &second, &keys, 6);
    let (ones, none) = (vec![1u32; 6], vec![0u32; 6]);
    let area = |own: &[u32], other: &[u32]| both.auroc_of(&[own, other].concat());
    assert_eq!(area(&ones, &none), first.ranked().auroc());
    assert_eq!(area(&none, &ones), second.ranked().auroc());
    let difference = |own: &[u32], other: &[u32]| Ok(area(own, other)? - area(other, own)?);
    let found = swap_test(6, 64, 0, 1, difference).unwrap();
    // All 64 patterns, counted out.
    let observed = difference(&ones, &none).unwrap().abs();
    let as_extreme = (0..64u32).filter(|pattern| {
        let own: Vec<u32> = (0..6).map(|unit| pattern >> unit & 1).collect();
        let other: Vec<u32> = own.iter().map(|own| 1 - own).collect();
        difference(&own, &other).map_or(true, |value: f64| value.abs() >= observed - 1e-12)
    });
    near("p", found, as_extreme.count() as f64 / 64.0, 1e-12);
}

#[test]
fn non_inferior_is_not_superior() {
    let judged = non_inferiority(-0.005, Interval { low: -0.018, high: 0.008 }, 0.02);
    assert!(judged.non_inferior && !judged.superior);
    assert!(!non_inferiority(0.0, Interval { low: -0.02, high: 0.02 }, 0.02).non_inferior);
}

#[test]
fn swapping_answers_is_flipping_signs_where_a_metric_is_a_mean() {
    let (a, b) = ([0.9, 0.8, 0.7, 0.9, 0.6, 0.8], [0.7, 0.85, 0.5, 0.6, 0.6, 0.3]);
    let keys = [0, 0, 1, 2, 3, 4];
    let units = Units::grouped(&keys);
    let mean = |first: &[u32], second: &[u32]| -> f64 {
        let one = |case: usize| {
            let unit = units.of_case()[case] as usize;
            f64::from(first[unit]) * a[case] + f64::from(second[unit]) * b[case]
        };
        (0..6).map(one).sum::<f64>() / 6.0
    };
    let difference = |own: &[u32], other: &[u32]| Ok(mean(own, other) - mean(other, own));
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    for swaps in [1000, 10] {
        let flips = sign_flip(&differences, &units, swaps, 7, 2).unwrap();
        let swapped = swap_test(units.len(), swaps, 7, 2, difference).unwrap();
        near("p", swapped, flips.p, 1e-12);
        assert_eq!(flips.exact, swaps == 1000);
    }
    assert_eq!(swap_test(3, 8, 0, 1, |_, _| Err(Undefined::NoCases)), Err(Undefined::NoCases));
}
