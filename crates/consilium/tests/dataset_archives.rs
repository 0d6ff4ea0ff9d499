//! Data sets read as they are fetched: inside zip and tar archives, tables in gzip and zip.
#![allow(clippy::unwrap_used)]

use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The first file deflated, the others stored, as archives of films are.
fn zip(path: &Path, files: &[(&str, &[u8])]) {
    let mut packed = Vec::new();
    let mut zip = rawzip::ZipArchiveWriter::new(&mut packed);
    for (at, (name, bytes)) in files.iter().enumerate() {
        let method = if at == 0 {
            rawzip::CompressionMethod::DEFLATE
        } else {
            rawzip::CompressionMethod::STORE
        };
        let (mut entry, config) = zip.new_file(*name).compression_method(method).start().unwrap();
        let descriptor = if at == 0 {
            let encoder =
                flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
            let mut writer = config.wrap(encoder);
            writer.write_all(bytes).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, packed).unwrap();
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn checked(root: &Path, place: &str) -> Value {
    let output = consilium(root, &["datasets", "check", place, "--json"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

#[test]
fn a_set_is_read_from_its_archive() {
    let dir = testkit::temp_dir("zip-mura");
    let study = "MURA-v1.1/train/XR_ELBOW/patient00011/study1_positive/";
    let (labels, images) =
        (format!("{study},1\n"), format!("{study}image1.png\n{study}image2.png\n"));
    let valid = study.replace("train", "valid").replace("patient00011", "patient2");
    let (more, films) = (format!("{valid},0\n"), format!("{valid}image1.png\n"));
    zip(
        &dir.join("MURA-v1.1.zip"),
        &[
            ("MURA-v1.1/train_labeled_studies.csv", labels.as_bytes()),
            ("MURA-v1.1/train_image_paths.csv", images.as_bytes()),
            ("MURA-v1.1/valid_labeled_studies.csv", more.as_bytes()),
            ("MURA-v1.1/valid_image_paths.csv", films.as_bytes()),
            (&format!("{study}image1.png"), b"x"),
            (&format!("{valid}image1.png"), b"x"),
            ("__MACOSX/MURA-v1.1/._train_image_paths.csv", b"x"),
        ],
    );
    let found = checked(dir.path(), "mura:MURA-v1.1.zip");
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(2), &json!(1)));
    // The layout tells what it is.
    assert_eq!(checked(dir.path(), "MURA-v1.1.zip")["kind"], "mura");
    // Nothing was unpacked.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // The folder around a set will do as well.
    let around = testkit::temp_dir("folder-mura");
    fs::rename(dir.join("MURA-v1.1.zip"), around.join("MURA-v1.1.zip")).unwrap();
    assert_eq!(checked(dir.path(), &format!("mura:{}", around.path().display()))["cases"], 2);

    let dir = testkit::temp_dir("tar-msd");
    let json = json!({
        "labels": { "0": "background", "1": "spleen" },
        "numTraining": 2,
        "training": [
            { "image": "./imagesTr/spleen_2.nii.gz", "label": "./labelsTr/spleen_2.nii.gz" },
            { "image": "./imagesTr/spleen_3.nii.gz", "label": "./labelsTr/spleen_3.nii.gz" },
        ],
        "test": ["./imagesTs/spleen_1.nii.gz"],
    });
    let json = json.to_string();
    let files: [(&str, &[u8]); 5] = [
        ("Task09_Spleen/dataset.json", json.as_bytes()),
        ("Task09_Spleen/imagesTr/spleen_2.nii.gz", b"x"),
        ("Task09_Spleen/imagesTr/._spleen_2.nii.gz", b"x"),
        ("Task09_Spleen/labelsTr/spleen_2.nii.gz", b"x"),
        ("Task09_Spleen/imagesTs/spleen_1.nii.gz", b"x"),
    ];
    fs::write(dir.join("Task09_Spleen.tar"), tar(&files)).unwrap();
    let found = checked(dir.path(), "msd:Task09_Spleen.tar");
    assert_eq!(found["splits"]["test"]["cases"], 1);
    // What the list names and is not there is missing.
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(3), &json!(1)));
    assert!(found["missing"][0].as_str().unwrap().contains("spleen_3"));
}

#[test]
fn padchest_lies_in_archives_by_number() {
    let dir = testkit::temp_dir("padchest");
    let broken = "216840111366964012989926673512011151082430686_00-157-045.png";
    let table = format!(
        ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,MethodLabel,Pediatric,Labels\n\
         0,a.png,0,20140915,s1,p1,1950.0,F,PA,Physician,No,\"['pleural effusion', ' cardiomegaly']\"\n\
         1,b.png,0,20140915,s1,p1,1950.0,F,L,RNN_model,No,\"['normal']\"\n\
         2,c.png,1,20150101,s2,p2,,M,AP_horizontal,Physician,No,\n\
         3,d.png,1,20150101,s3,p3,2010.0,M,PA,Physician,PED,\"['exclude']\"\n\
         4,{broken},1,20150101,s4,p4,1980.0,M,PA,Physician,No,\"['normal']\"\n"
    );
    let name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz";
    fs::write(dir.join(name), gz(table.as_bytes())).unwrap();
    zip(&dir.join("0.zip"), &[("a.png", b"x"), ("0/b.png", b"x")]);
    fs::create_dir(dir.join("1")).unwrap();
    fs::write(dir.join("1/c.png"), "x").unwrap();
    let found = checked(dir.path(), &format!("padchest:{}", dir.path().display()));
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(4), &json!(1)));
    let effusion = &found["labels"]["pleural effusion"];
    // No label is no answer, and neither is a film that shall not be used.
    assert_eq!(
        [&effusion["positive"], &effusion["negative"], &effusion["unknown"]],
        [&json!(1), &json!(1), &json!(2)]
    );
    assert_eq!(found["labels"]["normal"]["positive"], 1);
    assert!(found["labels"]["exclude"].is_null());
    let notes = found["notes"].to_string();
    assert!(
        notes.contains("1 films known to be missing") && notes.contains("`exclude`"),
        "{notes}"
    );
    let place = format!("padchest:{}", dir.path().display());
    let output = consilium(dir.path(), &["datasets", "show", &place, "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let truth = fs::read_to_string(dir.join("made/truth.csv")).unwrap();
    assert!(truth.starts_with(
        "id,patient,sex,view,method,pediatric,age,cardiomegaly,normal,pleural effusion\n"
    ));
    assert!(truth.contains("a.png,p1,F,PA,Physician,No,64,1,0,1\n"), "{truth}");
}

const RUNS: &str = "ImageId, EncodedPixels\na, 3 2 1022 2\nb, -1\n";

#[test]
fn siim_masks_are_runs() {
    let dir = testkit::temp_dir("siim");
    zip(&dir.join("train-rle.csv.zip"), &[("train-rle.csv", RUNS.as_bytes())]);
    fs::create_dir_all(dir.join("dicom-images-train/1/2")).unwrap();
    fs::write(dir.join("dicom-images-train/1/2/a.dcm"), "x").unwrap();
    let place = format!("siim-pneumothorax:{}", dir.path().display());
    let found = checked(dir.path(), &place);
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(2), &json!(1)));
    assert_eq!(found["labels"]["Pneumothorax"]["positive"], 1);
    // Two columns of two pixels, of which one is found; nothing in b, as is true.
    fs::write(dir.join("pred.csv"), "ImageId, EncodedPixels\na, 3 2\nb,-1\n").unwrap();
    let line = ["score", "--task", "segmentation", "pred.csv", &place, "--json"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let found: Value = serde_json::from_str(&printed(&output)).unwrap();
    let cases = &found["labels"]["1"]["cases"];
    assert_eq!((&cases[0]["dice"], &cases[1]["status"]), (&json!(2.0 / 3.0), &json!("both_empty")));
    // 3 + 2 + 1022 is 1027: the same rows of the next column.
    assert_eq!(cases[0]["hausdorff_distance"], 1.0);
    for (bad, said_of) in
        [("a, 3\nb,-1\n", "line 2"), ("a, 1048575 9\nb,-1\n", "leaves the film"), ("a, -1\n", "b")]
    {
        fs::write(dir.join("pred.csv"), format!("ImageId, EncodedPixels\n{bad}")).unwrap();
        let output = consilium(dir.path(), &line);
        assert!(code(&output) == 1 && said(&output).contains(said_of), "{}", said(&output));
    }
}

#[test]
fn reports_come_as_published() {
    let dir = testkit::temp_dir("iu-library");
    let report = |id: &str, findings: &str, film: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<eCitation><uId id=\"{id}\"/><MedlineCitation><Article><Abstract>\
             <AbstractText Label=\"FINDINGS\">{findings}</AbstractText><AbstractText Label=\"IMPRESSION\">Normal &amp; clear.</AbstractText>\
             </Abstract></Article></MedlineCitation><parentImage id=\"{film}\"/></eCitation>"
        )
    };
    let (two, ten) =
        (report("CXR2", "", "CXR2_IM-0652-1001"), report("CXR10", "Clear.", "CXR10_IM-0002-1001"));
    let files: [(&str, &[u8]); 2] =
        [("ecgen-radiology/10.xml", ten.as_bytes()), ("ecgen-radiology/2.xml", two.as_bytes())];
    fs::write(dir.join("NLMCXR_reports.tgz"), gz(&tar(&files))).unwrap();
    fs::create_dir(dir.join("png")).unwrap();
    fs::write(dir.join("png/CXR2_IM-0652-1001.png"), "x").unwrap();
    fs::write(
        dir.join("annotation.json"),
        json!({ "train": [{ "id": "CXR10_IM-0002" }], "val": [], "test": [{ "id": "CXR2_IM-0652" }] }).to_string(),
    )
    .unwrap();
    let place = format!("iu-xray:{}", dir.path().display());
    let found = checked(dir.path(), &place);
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(2), &json!(1)));
    assert_eq!(found["labels"]["findings"]["unknown"], 1);
    assert_eq!(found["splits"]["test"]["cases"], 1);
    let output = consilium(dir.path(), &["datasets", "show", &place, "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let truth = fs::read_to_string(dir.join("made/truth.csv")).unwrap();
    assert!(
        truth.contains("CXR2,CXR2,,Normal & clear.\nCXR10,CXR10,Clear.,Normal & clear.\n"),
        "{truth}"
    );

    let dir = testkit::temp_dir("mimic-dicom");
    let records = "subject_id,study_id,dicom_id,path\n10000032,50414267,aaa,files/p10/p10000032/s50414267/aaa.dcm\n\
                   10000032,50414267,bbb,files/p10/p10000032/s50414267/bbb.dcm\n10000764,57375967,ccc,files/p10/p10000764/s57375967/ccc.dcm\n";
    fs::write(dir.join("cxr-record-list.csv.gz"), gz(records.as_bytes())).unwrap();
    let text = "                 FINAL REPORT\n INDICATION:  ___F with pain\n\n FINDINGS: \n \n There is no\n effusion.\n\n IMPRESSION: \n No acute process.\n";
    zip(
        &dir.join("mimic-cxr-reports.zip"),
        &[("files/p10/p10000032/s50414267.txt", text.as_bytes())],
    );
    let place = format!("mimic-cxr:{}", dir.path().display());
    let found = checked(dir.path(), &place);
    assert_eq!((&found["cases"], &found["credentialed"]), (&json!(2), &json!(true)));
    assert_eq!(
        (&found["missing_files"], &found["labels"]["impression"]["texts"]),
        (&json!(3), &json!(1))
    );
    let output = consilium(dir.path(), &["datasets", "show", &place, "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let truth = fs::read_to_string(dir.join("made/truth.csv")).unwrap();
    assert!(
        truth.contains("50414267,10000032,There is no effusion.,No acute process.\n"),
        "{truth}"
    );
}

#[test]
fn broken_archives_are_named() {
    let dir = testkit::temp_dir("bad-zip");
    fs::write(dir.join("set.zip"), "PK\x03\x04 no archive").unwrap();
    let output = consilium(dir.path(), &["datasets", "check", "mura:set.zip"]);
    assert!(code(&output) == 1 && said(&output).contains("set.zip"), "{}", said(&output));
    fs::write(dir.join("set.tgz"), gz(b"no tar, only some text that is long enough to be one"))
        .unwrap();
    let output = consilium(dir.path(), &["datasets", "check", "iu-xray:set.tgz"]);
    assert!(code(&output) == 1 && said(&output).contains("set.tgz"), "{}", said(&output));
    // A way out of the archive is no name.
    zip(&dir.join("out.zip"), &[("xx/table.csv", b"id,a\nx,1\n")]);
    let mut archive = fs::read(dir.join("out.zip")).unwrap();
    while let Some(at) = archive.windows(3).position(|window| window == b"xx/") {
        archive[at..at + 2].copy_from_slice(b"..");
    }
    fs::write(dir.join("out.zip"), archive).unwrap();
    let output = consilium(dir.path(), &["datasets", "check", "table:out.zip"]);
    assert!(code(&output) == 1 && said(&output).contains("table.csv"), "{}", said(&output));
    zip(&dir.join("in.zip"), &[("table.csv", b"id,a\nx,1\n"), ("x.png", b"x")]);
    assert_eq!(checked(dir.path(), "table:in.zip")["missing_files"], 0);
    assert_eq!(checked(dir.path(), "in.zip")["kind"], "table");
    zip(&dir.join("other.zip"), &[("readme.txt", b"x")]);
    let output = consilium(dir.path(), &["datasets", "check", "other.zip"]);
    assert!(code(&output) == 1 && said(&output).contains("no known kind"), "{}", said(&output));
}
