//! Data sets in the layouts they are published in, made up on the spot.
#![allow(clippy::unwrap_used)]

use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn checked(root: &Path, kind: &str) -> Value {
    let place = format!("{kind}:{}", root.display());
    let output = consilium(root, &["datasets", "check", &place, "--json"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

/// truth.csv as `score` would get it.
fn truth(root: &Path, kind: &str) -> String {
    let place = format!("{kind}:{}", root.display());
    let output = consilium(root, &["datasets", "show", &place, "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    fs::read_to_string(root.join("made/truth.csv")).unwrap()
}

#[test]
fn chestxray14_has_commas_in_its_header() {
    let dir = testkit::temp_dir("chestxray14");
    write(
        dir.path(),
        "Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n\
         00000001_000.png,Cardiomegaly|Emphysema,0,1,58,M,PA,2682,2749,0.143,0.143,\n\
         00000001_001.png,No Finding,1,1,58,M,PA,2894,2729,0.143,0.143,\n\
         00000002_000.png,Hernia,0,2,81,F,AP,2500,2048,0.168,0.168,\n",
    );
    write(dir.path(), "train_val_list.txt", "00000001_000.png\n00000001_001.png\n");
    write(dir.path(), "test_list.txt", "00000002_000.png\n");
    write(dir.path(), "images_001/images/00000001_000.png", "x");
    let found = checked(dir.path(), "chestxray14");
    assert_eq!((&found["cases"], &found["patients"]), (&json!(3), &json!(2)));
    assert_eq!(found["labels"]["Cardiomegaly"]["positive"], 1);
    assert_eq!(found["labels"]["Cardiomegaly"]["negative"], 2);
    assert_eq!(found["splits"]["test"]["cases"], 1);
    assert_eq!(found["missing_files"], 2);
    assert_eq!(found["patients_in_several_splits"], 0);
    let text = truth(dir.path(), "chestxray14");
    assert!(text.starts_with("id,patient,sex,age,view,Atelectasis,Cardiomegaly,"), "{text}");
    assert!(text.contains("00000002_000.png,2,F,81,AP,0,0,"), "{text}");
    // A finding that the set does not have.
    let table = fs::read_to_string(dir.join("Data_Entry_2017.csv")).unwrap();
    write(dir.path(), "Data_Entry_2017.csv", &table.replace("Hernia", "Infiltrate"));
    let output = consilium(
        dir.path(),
        &["datasets", "check", &format!("chestxray14:{}", dir.path().display())],
    );
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("line 4") && said(&output).contains("Infiltrate"));
}

const CHEXPERT: &str = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices";

#[test]
fn chexpert_blank_is_not_zero_and_minus_one_is_uncertain() {
    let dir = testkit::temp_dir("chexpert");
    let head = format!("Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEXPERT}\n");
    write(
        dir.path(),
        "train.csv",
        &format!(
            "{head}CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0\n\
             CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,0,Frontal,AP,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,\n"
        ),
    );
    write(
        dir.path(),
        "valid.csv",
        &format!(
            "{head}CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
        ),
    );
    write(dir.path(), "train/patient00001/study1/view1_frontal.jpg", "x");
    let found = checked(dir.path(), "chexpert");
    assert_eq!(found["credentialed"], true);
    let card = &found["labels"]["Cardiomegaly"];
    assert_eq!(
        [&card["positive"], &card["negative"], &card["uncertain"], &card["unknown"]],
        [&json!(1), &json!(0), &json!(1), &json!(1)]
    );
    assert_eq!(found["missing_files"], 2);
    let text = truth(dir.path(), "chexpert");
    assert!(
        text.contains(
            "view1_frontal.jpg,patient00002,Female,,Frontal,AP,patient00002/study2,,,-1,1,"
        ),
        "{text}"
    );
}

#[test]
fn chexpert_plus_has_labels_by_line_and_reports_of_many_lines() {
    let dir = testkit::temp_dir("chexpert-plus");
    write(
        dir.path(),
        "df_chexpert_plus_240401.csv",
        "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,\
         section_findings,section_impression,age,sex,race,split\n\
         train/patient42142/study5/view1_frontal.jpg,train/patient42142/study5/view1_frontal.dcm,Frontal,AP,\
         patient42142,5,\"NARRATIVE:\nChest, one view.\",\"Heart, \"\"large\"\".\nNo effusion.\",1. Cardiomegaly.,68,Female,White,train\n\
         train/patient42142/study6/view1_frontal.jpg,,Frontal,PA,patient42142,6,x,,2. Same.,0,Female,White,train\n\
         valid/patient64541/study1/view2_lateral.jpg,,Lateral,,patient64541,1,x,,,73,Unknown,Unknown,valid\n",
    );
    write(dir.path(), "PNG/PNG/train/patient42142/study5/view1_frontal.png", "x");
    let plain = checked(dir.path(), "chexpert-plus");
    assert!(plain["notes"].to_string().contains("chexbert_labels/ is not there"));
    assert_eq!(plain["labels"]["Cardiomegaly"]["unknown"], 3);
    write(
        dir.path(),
        "chexbert_labels/report_fixed.json",
        "{\"path_to_image\":\"train/patient42142/study5/view1_frontal.jpg\",\"Cardiomegaly\":1.0,\"Edema\":-1.0,\"Fracture\":null,\"Pneumothorax\":0.0}\n\
         {\"path_to_image\":\"train/patient42142/study6/view1_frontal.jpg\",\"Cardiomegaly\":1.0}\n",
    );
    let found = checked(dir.path(), "chexpert-plus");
    assert_eq!(found["credentialed"], true);
    assert_eq!((&found["cases"], &found["patients"]), (&json!(3), &json!(2)));
    assert_eq!(found["missing_files"], 2);
    assert_eq!(found["splits"]["train"]["cases"], 2);
    let card = &found["labels"]["Cardiomegaly"];
    assert_eq!((&card["positive"], &card["unknown"]), (&json!(2), &json!(1)));
    assert_eq!(found["labels"]["Edema"]["uncertain"], 1);
    assert_eq!(found["labels"]["Pneumothorax"]["negative"], 1);
    assert_eq!(found["labels"]["impression"]["texts"], 2);
    assert!(found["notes"].to_string().contains("report_fixed.json"));
    let text = truth(dir.path(), "chexpert-plus");
    assert!(text.contains("\"Heart, \"\"large\"\".\nNo effusion.\""), "{text}");
    assert!(text.contains("patient42142,Female,,Frontal,PA,White,patient42142/study6"), "{text}");

    write(dir.path(), "chexbert_labels/report_fixed.json", "{\"path_to_image\": \"a\",\n");
    let output = consilium(dir.path(), &["datasets", "check", "chexpert-plus:."]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("report_fixed.json") && said(&output).contains("JSON"));
}

#[test]
fn mimic_is_read_gzipped_and_knows_where_images_lie() {
    let dir = testkit::temp_dir("mimic");
    let gz = |name: &str, text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        fs::write(dir.join(name), packed.finish().unwrap()).unwrap();
    };
    gz(
        "mimic-cxr-2.0.0-chexpert.csv.gz",
        "subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices\n\
         10000032,50414267,,,,,,,,,1.0,,,,,\n10000032,53189527,-1.0,0.0,,,,,,,,1.0,,,,\n",
    );
    gz(
        "mimic-cxr-2.0.0-metadata.csv.gz",
        "dicom_id,subject_id,study_id,ViewPosition\naaa,10000032,50414267,PA\nbbb,10000032,53189527,LATERAL\n",
    );
    gz(
        "mimic-cxr-2.0.0-split.csv.gz",
        "dicom_id,study_id,subject_id,split\naaa,50414267,10000032,train\nbbb,53189527,10000032,train\nccc,99,10000764,test\n",
    );
    write(dir.path(), "files/p10/p10000032/s50414267/aaa.jpg", "x");
    let found = checked(dir.path(), "mimic-cxr-jpg");
    assert_eq!(found["missing_files"], 2);
    assert_eq!(found["labels"]["Atelectasis"]["uncertain"], 1);
    // A study without a line in the table of labels is unknown, not negative.
    assert_eq!(found["labels"]["No Finding"]["unknown"], 2);
    assert_eq!(found["splits"]["test"], json!({ "cases": 1, "patients": 1 }));
}

#[test]
fn mimic_has_two_labellers() {
    let dir = testkit::temp_dir("mimic-negbio");
    let labels = "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices";
    let head = format!("subject_id,study_id,{labels}\n");
    write(dir.path(), "mimic-cxr-2.0.0-chexpert.csv", &format!("{head}10,50,-1.0,,,,,,,,,,,,,\n"));
    write(dir.path(), "mimic-cxr-2.0.0-negbio.csv", &format!("{head}10,50,1.0,0.0,,,,,,,,,,,,\n"));
    write(
        dir.path(),
        "mimic-cxr-2.0.0-metadata.csv",
        "dicom_id,subject_id,study_id,ViewPosition\naaa,10,50,PA\n",
    );
    write(
        dir.path(),
        "mimic-cxr-2.0.0-split.csv",
        "dicom_id,study_id,subject_id,split\naaa,50,10,test\n",
    );
    let of = |kind: &str| {
        let found = checked(dir.path(), kind);
        assert_eq!(found["credentialed"], true);
        let count = |label: &str, what: &str| found["labels"][label][what].clone();
        [
            count("Atelectasis", "uncertain"),
            count("Atelectasis", "positive"),
            count("Cardiomegaly", "negative"),
        ]
    };
    assert_eq!(of("mimic-cxr-jpg"), [1, 0, 0].map(|n| json!(n)));
    assert_eq!(of("mimic-cxr-jpg-negbio"), [0, 1, 1].map(|n| json!(n)));
}

#[test]
fn four_findings_were_read_anew_for_chestxray14() {
    let dir = testkit::temp_dir("chestxray14-google");
    let head = "Image Index,Patient ID,Fracture,Pneumothorax,Airspace opacity,Nodule or mass\n";
    write(
        dir.path(),
        "four_findings_expert_labels/four_findings_expert_labels_test_labels.csv",
        &format!("{head}00000013_005.png,13,NO,YES,YES,NO\n00000013_007.png,13,NO,YES,NO,NO\n"),
    );
    write(
        dir.path(),
        "four_findings_expert_labels/four_findings_expert_labels_validation_labels.csv",
        &format!("{head}00000211_006.png,211,YES,NO,NO,YES\n"),
    );
    write(dir.path(), "images_001/images/00000013_005.png", "x");
    let found = checked(dir.path(), "chestxray14-google");
    assert_eq!(
        (&found["cases"], &found["patients"], &found["missing_files"]),
        (&json!(3), &json!(2), &json!(2))
    );
    assert_eq!(found["splits"]["test"], json!({ "cases": 2, "patients": 1 }));
    assert_eq!(found["labels"]["Pneumothorax"]["positive"], 2);
    // The set's own table says who they are of.
    write(
        dir.path(),
        "Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n\
         00000013_005.png,Mass,0,13,060Y,M,AP,2682,2749,0.143,0.143,\n",
    );
    let text = truth(dir.path(), "chestxray14-google");
    assert!(
        text.contains("00000013_005.png,13,test,M,60,AP,0,1,1,0")
            || text.contains("00000013_005.png,13,M,60,AP,0,1,1,0"),
        "{text}"
    );
    // Both splits in one table, as TorchXRayVision passes it on.
    let dir = testkit::temp_dir("chestxray14-google-one");
    write(
        dir.path(),
        "google2019_nih-chest-xray-labels.csv",
        "Image Index,Patient ID,Set Id,Fracture,Pneumothorax,Airspace opacity,Nodule or mass\n00000013_005.png,13,Test,NO,YES,YES,NO\n",
    );
    assert_eq!(checked(dir.path(), "chestxray14-google")["splits"]["test"]["cases"], 1);
    write(
        dir.path(),
        "google2019_nih-chest-xray-labels.csv",
        "Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass\n00000013_005.png,NO,MAYBE,YES,NO\n",
    );
    let output = consilium(dir.path(), &["datasets", "check", "chestxray14-google:."]);
    assert_eq!(code(&output), 1);
    assert!(
        said(&output).contains("line 2") && said(&output).contains("MAYBE"),
        "{}",
        said(&output)
    );
}

#[test]
fn bones_are_read() {
    let dir = testkit::temp_dir("boneage");
    write(
        dir.path(),
        "boneage-training-dataset.csv",
        "id,boneage,male\n1377,180,False\n1378,12,True\n",
    );
    write(dir.path(), "boneage-training-dataset/boneage-training-dataset/1377.png", "x");
    let found = checked(dir.path(), "rsna-boneage");
    assert_eq!(found["labels"]["boneage_months"]["mean"], 96.0);
    assert_eq!(found["missing_files"], 1);
    assert!(truth(dir.path(), "rsna-boneage").contains("1377,1377,F,180"));

    let dir = testkit::temp_dir("mura");
    for split in ["train", "valid"] {
        let study = format!("MURA-v1.1/{split}/XR_ELBOW/patient00011/study1_positive/");
        write(dir.path(), &format!("{split}_labeled_studies.csv"), &format!("{study},1\n"));
        write(
            dir.path(),
            &format!("{split}_image_paths.csv"),
            &format!("{study}image1.png\n{study}image2.png\n"),
        );
        write(dir.path(), &format!("{}image1.png", study.trim_start_matches("MURA-v1.1/")), "x");
    }
    let found = checked(dir.path(), "mura");
    // The made-up patient is in both splits, which is said.
    assert_eq!(found["patients_in_several_splits"], 1);
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(2), &json!(2)));
    assert!(truth(dir.path(), "mura").contains("XR_ELBOW,1"));

    let dir = testkit::temp_dir("graz");
    write(
        dir.path(),
        "dataset.csv",
        "\u{feff}filestem,patient_id,study_number,timehash,gender,age,laterality,projection,initial_exam,ao_classification,cast,diagnosis_uncertain,osteopenia,fracture_visible,metal,pixel_spacing,device_manufacturer\n\
         0001_1297860395_01_WRI-L1_M014,1,1,1,M,14.8,L,1,1,23r-M/2.1;23u-E/7,,,,1,,0.144,Siemens\n",
    );
    write(dir.path(), "images_part1/0001_1297860395_01_WRI-L1_M014.png", "x");
    let found = checked(dir.path(), "grazpedwri-dx");
    assert_eq!(found["labels"]["fracture_visible"]["positive"], 1);
    assert_eq!(found["labels"]["metal"]["negative"], 1);
    assert_eq!(found["missing_files"], 0);

    let dir = testkit::temp_dir("fracatlas");
    write(dir.path(), "images/Fractured/IMG0000019.jpg", "x");
    write(dir.path(), "images/Non_fractured/IMG0000000.jpg", "x");
    write(dir.path(), "Utilities/Fracture Split/test.csv", "image_id\nIMG0000019.jpg\n");
    let found = checked(dir.path(), "fracatlas");
    assert_eq!(found["labels"]["fractured"]["positive"], 1);
    assert_eq!(found["splits"]["test"]["cases"], 1);
}

#[test]
fn readers_and_boxes_are_brought_to_cases() {
    let dir = testkit::temp_dir("vindr");
    write(
        dir.path(),
        "annotations/image_labels_train.csv",
        "image_id,rad_id,Nodule/Mass,No finding\na,R1,1,0\na,R2,1,0\na,R3,0,1\nb,R1,0,1\nb,R2,1,0\nb,R3,0,1\n",
    );
    write(
        dir.path(),
        "annotations/image_labels_test.csv",
        "image_id,Nodule/Mass,No finding\nc,0,1\n",
    );
    let found = checked(dir.path(), "vindr-cxr");
    assert_eq!(found["cases"], 3);
    assert_eq!(found["labels"]["Nodule/Mass"]["positive"], 1);
    assert_eq!(found["labels"]["No finding"]["positive"], 2);

    let dir = testkit::temp_dir("rsna");
    write(
        dir.path(),
        "stage_2_train_labels.csv",
        "patientId,x,y,width,height,Target\np,,,,,0\nq,264.0,152.0,213.0,379.0,1\nq,562.0,152.0,256.0,453.0,1\n",
    );
    let found = checked(dir.path(), "rsna-pneumonia");
    assert_eq!(
        (&found["cases"], &found["labels"]["Pneumonia"]["positive"]),
        (&json!(2), &json!(1))
    );

    let dir = testkit::temp_dir("iu");
    write(
        dir.path(),
        "indiana_reports.csv",
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n1,normal,normal,\"Xray, PA\",\"XXXX, male\",None.,\"Clear lungs, no effusion.\",Normal.\n2,,,,,,,Effusion.\n",
    );
    write(
        dir.path(),
        "indiana_projections.csv",
        "uid,filename,projection\n1,1_b.dcm.png,Lateral\n1,1_a.dcm.png,Frontal\n",
    );
    let found = checked(dir.path(), "iu-xray");
    assert_eq!(found["labels"]["findings"]["unknown"], 1);
    assert_eq!(found["cases_without_file"], 1);
    assert!(truth(dir.path(), "iu-xray").contains("1,1,\"Clear lungs, no effusion.\",Normal."));
}

#[test]
fn folders_of_masks_are_read() {
    let dir = testkit::temp_dir("nnunet");
    write(
        dir.path(),
        "dataset.json",
        &json!({ "labels": { "background": 0, "liver": 1 }, "numTraining": 2 }).to_string(),
    );
    for name in [
        "imagesTr/a_0000.nii.gz",
        "imagesTr/a_0001.nii.gz",
        "labelsTr/a.nii.gz",
        "imagesTr/._a_0000.nii.gz",
    ] {
        write(dir.path(), name, "x");
    }
    write(dir.path(), "labelsTr/b.nii.gz", "x");
    write(dir.path(), "imagesTs/c_0000.nii.gz", "x");
    let regions = testkit::temp_dir("nnunet-regions");
    let labels =
        json!({ "background": 0, "core": [2, 3], "whole": [1, 2, 3], "rim": 3, "ignore": 4 });
    write(regions.path(), "dataset.json", &json!({ "labels": labels }).to_string());
    for folder in ["labelsTr", "pred"] {
        // Where the truth says "ignore", neither mask is looked at.
        let last = if folder == "pred" { 1 } else { 4 };
        crate::common::judge::row(&regions.join(format!("{folder}/a.nii")), &[1, 2, 3, 3, last]);
    }
    let line = ["score", "--task", "segmentation", "pred", "nnunet:."];
    let found = crate::common::judge::judged(regions.path(), &line);
    assert_eq!(found["regions"], json!({ "whole": [1, 2, 3], "core": [2, 3], "rim": [3] }));
    assert_eq!(found["labels"]["core"]["cases"][0]["dice"], 1.0);
    assert_eq!(found["labels"]["whole"]["cases"][0]["dice"], 1.0);
    let found = checked(dir.path(), "nnunet");
    assert_eq!(
        found["splits"],
        json!({ "test": { "cases": 1, "patients": 1 }, "train": { "cases": 2, "patients": 2 } })
    );
    assert_eq!(found["missing_files"], 1);
    assert!(found["notes"].to_string().contains("0 background, 1 liver"));
    let dir = testkit::temp_dir("msd");
    write(
        dir.path(),
        "dataset.json",
        &json!({ "labels": { "0": "background", "1": "spleen" }, "numTraining": 3 }).to_string(),
    );
    write(dir.path(), "imagesTr/spleen_2.nii.gz", "x");
    write(dir.path(), "labelsTr/spleen_2.nii.gz", "x");
    let found = checked(dir.path(), "msd");
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(1), &json!(0)));
    assert!(found["notes"].to_string().contains("3 training cases, 1 are there"));

    let dir = testkit::temp_dir("brats");
    for (name, endings) in [
        ("BraTS20_Training_001", ["_flair", "_t1", "_t1ce", "_t2", "_seg"]),
        ("BraTS-GLI-00005-000", ["-t1n", "-t1c", "-t2w", "-t2f", "-seg"]),
        ("BraTS-GLI-00005-001", ["-t1n", "-t1c", "-t2w", "-t2f", "-none"]),
    ] {
        endings
            .iter()
            .for_each(|end| write(dir.path(), &format!("{name}/{name}{end}.nii.gz"), "x"));
    }
    let found = checked(dir.path(), "brats");
    // Two visits of one patient belong together.
    assert_eq!((&found["cases"], &found["patients"]), (&json!(3), &json!(2)));
    assert_eq!(found["labels"]["mask"]["unknown"], 1);
    assert_eq!(found["notes"].as_array().unwrap().len(), 2);

    // Until 2019 patients lay in folders of grades; one case of 2020 has its mask under another name.
    let dir = testkit::temp_dir("brats-grades");
    for (name, mask) in [
        ("HGG/BraTS19_CBICA_AAB_1", "BraTS19_CBICA_AAB_1_seg.nii.gz"),
        ("LGG/BraTS19_TCIA10_103_1", "BraTS19_TCIA10_103_1_seg.nii.gz"),
        ("BraTS20_Training_355", "W39_1998.09.19_Segm.nii"),
        ("BraTS20_Training_356", "survival.csv"),
    ] {
        let own = name.rsplit('/').next().unwrap();
        for end in ["_flair", "_t1", "_t1ce", "_t2"] {
            write(dir.path(), &format!("{name}/{own}{end}.nii.gz"), "x");
        }
        write(dir.path(), &format!("{name}/{mask}"), "x");
    }
    let found = checked(dir.path(), "brats");
    assert_eq!((&found["cases"], &found["missing_files"]), (&json!(4), &json!(0)));
    assert_eq!(found["labels"]["mask"]["unknown"], 1);
    let table = truth(dir.path(), "brats");
    assert!(table.contains("BraTS19_CBICA_AAB_1,BraTS19_CBICA_AAB_1,HGG,1"), "{table}");
    assert!(table.contains("BraTS20_Training_355,BraTS20_Training_355,,1"), "{table}");

    let dir = testkit::temp_dir("nifti");
    write(dir.path(), "images/a.nii.gz", "x");
    write(dir.path(), "labels/a.nii.gz", "x");
    write(dir.path(), "labels/b.nii.gz", "x");
    assert_eq!(checked(dir.path(), "nifti")["missing_files"], 1);

    let dir = testkit::temp_dir("table");
    write(
        dir.path(),
        "table.csv",
        "id,patient,split,sex,Edema,age_months\na,p,test,F,1,12.5\nb,p,train,M,,30\n",
    );
    write(dir.path(), "a.png", "x");
    let found = checked(dir.path(), "table");
    assert_eq!(found["patients_in_several_splits"], 1);
    assert_eq!(found["cases_without_file"], 1);
    assert!(truth(dir.path(), "table").contains("a,p,F,1,12.5\nb,p,M,,30"));
}

#[test]
fn what_is_not_there_is_named() {
    let dir = testkit::temp_dir("no-set");
    let place = |kind: &str| format!("{kind}:{}", dir.path().display());
    let said_of = |line: &[&str]| {
        let output = consilium(dir.path(), line);
        assert_ne!(code(&output), 0);
        said(&output)
    };
    assert!(said_of(&["datasets", "check", &place("chexpert")]).contains("train.csv"));
    assert!(said_of(&["datasets", "check", &place("chexprt")]).contains("chexpert"));
    assert!(said_of(&["datasets", "check", "x"]).contains("KIND:PATH"));
    write(dir.path(), "stage_2_train_labels.csv", "patientId,Label\n");
    assert!(said_of(&["datasets", "check", &place("rsna-pneumonia")]).contains("Target"));
    let output = consilium(dir.path(), &["datasets", "--lang", "zh"]);
    assert!(printed(&output).contains("chestxray14") && printed(&output).contains("影像"));
}
