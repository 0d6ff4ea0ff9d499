//! The curves of a label: ROC with a band, precision over recall, reliability, net benefit.

use super::plots::{Mark, Plot};
use super::prepared::Prepared;
use super::settings::Settings;
use base::words::score as words;
use metrics::calibration::Binning;
use metrics::classification::wilson;
use metrics::compare::Units;
use metrics::stats::quantile_sorted;

/// False-positive rates at which the band is measured: 0, 0.02, … 1.
const STEPS: usize = 50;
/// Resamples that make the band; its ends are drawn, not printed.
const BAND_RESAMPLES: usize = 500;
/// Bins of the reliability diagram: fewer than for the error, so that each has cases.
const BINS: usize = 10;

/// Everything that can be drawn of a label.
pub(super) fn plots(label: &Prepared, units: &Units, settings: &Settings) -> Vec<Plot> {
    let binary = &label.binary;
    let mut plots = Vec::new();
    if let Ok(curve) = binary.roc_curve() {
        let points = curve.iter().map(|point| (point.x, point.y)).collect();
        let plot = Plot::unit(&words::PLOT_ROC, &words::AXIS_FPR, &words::AXIS_SENSITIVITY)
            .with(Mark::Band(band(label, units, settings)))
            .with(Mark::Dashed(vec![(0.0, 0.0), (1.0, 1.0)]));
        plots.push(plot.with(Mark::Line(points)));
    }
    if let Ok(curve) = binary.precision_recall_curve() {
        let prevalence = binary.positives() as f64 / binary.len() as f64;
        let points = curve.iter().map(|point| (point.x, point.y)).collect();
        let plot = Plot::unit(&words::PLOT_PR, &words::AXIS_SENSITIVITY, &words::AXIS_PPV)
            .with(Mark::Dashed(vec![(0.0, prevalence), (1.0, prevalence)]));
        plots.push(plot.with(Mark::Line(points)));
    }
    if let Ok(bins) = binary.reliability(BINS, Binning::EqualWidth) {
        let bars = bins.iter().filter_map(|bin| {
            let interval = wilson(bin.positives, bin.cases, settings.level)?;
            Some((bin.forecast, interval.low, interval.high))
        });
        let dots: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.forecast, bin.observed)).collect();
        let plot =
            Plot::unit(&words::PLOT_RELIABILITY, &words::AXIS_FORECAST, &words::AXIS_OBSERVED)
                .with(Mark::Dashed(vec![(0.0, 0.0), (1.0, 1.0)]))
                .with(Mark::Bars(bars.collect()));
        plots.push(plot.with(Mark::Line(dots.clone())).with(Mark::Dots(dots)));
    }
    let thresholds: Vec<f64> = (1..100).map(|at| f64::from(at) / 100.0).collect();
    if let Ok(curve) = binary.decision_curve(&thresholds) {
        let model: Vec<(f64, f64)> = curve.iter().map(|at| (at.threshold, at.model)).collect();
        let all = curve.iter().map(|at| (at.threshold, at.treat_all));
        let top = binary.positives() as f64 / binary.len().max(1) as f64;
        let mut plot =
            Plot::unit(&words::PLOT_DECISION, &words::AXIS_THRESHOLD, &words::AXIS_BENEFIT);
        plot.y = [-0.2 * top, (1.1 * top).max(0.02)];
        // What costs more than the plot shows is left out.
        let shown = |(x, y): (f64, f64)| (y >= plot.y[0]).then_some((x, y));
        let (model, all) =
            (model.into_iter().filter_map(shown).collect(), all.filter_map(shown).collect());
        let plot = plot.with(Mark::Dashed(vec![(0.0, 0.0), (1.0, 0.0)])).with(Mark::Dashed(all));
        plots.push(plot.with(Mark::Line(model)));
    }
    plots
}

/// Pointwise percentile band of the sensitivity.
fn band(label: &Prepared, units: &Units, settings: &Settings) -> Vec<(f64, f64, f64)> {
    let rates: Vec<f64> = (0..=STEPS).map(|at| at as f64 / STEPS as f64).collect();
    let resamples = settings.resamples.min(BAND_RESAMPLES);
    let curves =
        metrics::parallel::map_with(resamples, settings.threads, Vec::new, |weights, draw| {
            units.draw(settings.seed, draw as u64, weights);
            label.sensitivity_at(&rates, weights)
        });
    let curves: Vec<Vec<f64>> = curves.into_iter().flatten().collect();
    let tail = (1.0 - settings.level) / 2.0;
    rates
        .iter()
        .enumerate()
        .filter_map(|(at, rate)| {
            let mut column: Vec<f64> = curves.iter().map(|curve| curve[at]).collect();
            column.sort_by(f64::total_cmp);
            Some((*rate, quantile_sorted(&column, tail)?, quantile_sorted(&column, 1.0 - tail)?))
        })
        .collect()
}
