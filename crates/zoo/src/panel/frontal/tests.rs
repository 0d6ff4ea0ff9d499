//! How well the template tells frontal chest films from other pictures, on real films.

use super::*;
use std::path::Path;

fn picture(path: &Path) -> Picture {
    let study = imaging::read(path, &imaging::Limits::default()).unwrap();
    study.picture(0).unwrap()
}

fn films() -> Vec<Vec<f64>> {
    let files = testkit::data_files("cxr/nih");
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .map(|path| reduce(&picture(path)))
        .collect()
}

fn mean_template(films: &[&Vec<f64>]) -> Vec<f64> {
    let whole = (0.0, 0.0, REDUCED as f64);
    let mut sum = vec![0.0; GRID * GRID];
    for film in films {
        let features = features(film, whole);
        sum.iter_mut().zip(&features).for_each(|(s, f)| *s += f);
    }
    unit(sum)
}

#[test]
fn the_table_is_the_mean_of_the_films() {
    let films = films();
    if films.is_empty() {
        return;
    }
    let rows: Vec<String> = mean_template(&films.iter().collect::<Vec<_>>())
        .chunks(GRID)
        .map(|row| row.iter().map(|v| format!("{:.0}", v * 100.0)).collect::<Vec<_>>().join(" "))
        .collect();
    testkit::golden("crates/zoo/src/panel/frontal_template.txt", &(rows.join("\n") + "\n"));
}

#[test]
fn a_film_left_out_of_the_template_still_fits_it() {
    let films = films();
    for left_out in 0..films.len() {
        let others: Vec<_> =
            films.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, f)| f).collect();
        let likeness = match_template(&films[left_out], &mean_template(&others));
        assert!(likeness.is_frontal_chest(), "film {left_out}: {likeness:?}");
    }
}

#[test]
fn bones_and_ultrasound_do_not_fit() {
    let mut passed = Vec::new();
    let mut seen = 0;
    for path in ["bone", "ultrasound"].into_iter().flat_map(testkit::data_files) {
        let is_picture = path.extension().is_some_and(|e| e == "png" || e == "jpg");
        if is_picture {
            seen += 1;
            let likeness = likeness(&picture(&path));
            if likeness.is_frontal_chest() {
                passed.push((path, likeness.upright));
            }
        }
    }
    assert!(seen == 0 || seen > 50, "only {seen} pictures");
    assert!(passed.len() <= 2, "{} of {seen} pass: {passed:?}", passed.len());
}

#[test]
fn a_negative_is_recognised_as_one() {
    let Some(path) = testkit::data("dicom/txrv/rsna_cxr.dcm") else { return };
    let film = picture(&path);
    assert!(likeness(&film).is_frontal_chest(), "{:?}", likeness(&film));
    let negative = film.data().iter().map(|v| 255 - v).collect();
    let negative = Picture::new(film.width(), film.height(), film.channels(), negative).unwrap();
    let likeness = likeness(&negative);
    assert!(likeness.is_inverted(), "{likeness:?}");
}

#[test]
fn flat_and_tiny_pictures_fit_nothing() {
    for (width, height) in [(1, 1), (3, 2), (1000, 1)] {
        let flat = Picture::new(width, height, 1, vec![7; width * height]).unwrap();
        let likeness = likeness(&flat);
        assert!(!likeness.is_frontal_chest() && !likeness.is_inverted(), "{likeness:?}");
    }
}
