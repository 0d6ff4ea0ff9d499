//! Names of findings and of structures on a chest radiograph.
//!
//! Codings are given only where they were checked; `None` says "not checked", not "none exists".

use crate::reading::Code;
use crate::text::Text;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $en:literal, $zh:literal;)*) => {
        $($(#[$doc])* pub static $name: Code =
            Code { id: $id, name: Text::fixed($en, $zh), coding: None };)*
        /// All of them.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    /// Collapse of lung tissue.
    ATELECTASIS = "atelectasis", "Atelectasis", "肺不张";
    /// Air replaced in the alveoli.
    CONSOLIDATION = "consolidation", "Consolidation", "肺实变";
    /// NIH label, wider than consolidation.
    INFILTRATION = "infiltration", "Infiltration", "肺浸润影";
    /// Air in the pleural space.
    PNEUMOTHORAX = "pneumothorax", "Pneumothorax", "气胸";
    /// Pulmonary oedema.
    EDEMA = "pulmonary-edema", "Pulmonary edema", "肺水肿";
    /// Emphysema.
    EMPHYSEMA = "emphysema", "Emphysema", "肺气肿";
    /// Pulmonary fibrosis.
    FIBROSIS = "pulmonary-fibrosis", "Fibrosis", "肺纤维化";
    /// Pleural effusion.
    EFFUSION = "pleural-effusion", "Pleural effusion", "胸腔积液";
    /// Pneumonia.
    PNEUMONIA = "pneumonia", "Pneumonia", "肺炎";
    /// Pleural thickening.
    PLEURAL_THICKENING = "pleural-thickening", "Pleural thickening", "胸膜增厚";
    /// Enlarged heart shadow.
    CARDIOMEGALY = "cardiomegaly", "Cardiomegaly", "心影增大";
    /// Nodule, up to 3 cm.
    NODULE = "lung-nodule", "Nodule", "肺结节";
    /// Mass, over 3 cm.
    MASS = "lung-mass", "Mass", "肺肿块";
    /// Hiatal or diaphragmatic hernia.
    HERNIA = "hernia", "Hernia", "膈疝";
    /// CheXpert label: nodule or mass.
    LUNG_LESION = "lung-lesion", "Lung lesion", "肺部病灶（结节或肿块）";
    /// Fracture.
    FRACTURE = "fracture", "Fracture", "骨折";
    /// Any increased density of the lung.
    LUNG_OPACITY = "lung-opacity", "Lung opacity", "肺部密度增高影";
    /// Enlarged cardiomediastinum.
    ENLARGED_CARDIOMEDIASTINUM = "enlarged-cardiomediastinum", "Enlarged cardiomediastinum", "心脏纵隔影增宽";
    /// Left clavicle.
    LEFT_CLAVICLE = "left-clavicle", "Left clavicle", "左锁骨";
    /// Right clavicle.
    RIGHT_CLAVICLE = "right-clavicle", "Right clavicle", "右锁骨";
    /// Left scapula.
    LEFT_SCAPULA = "left-scapula", "Left scapula", "左肩胛骨";
    /// Right scapula.
    RIGHT_SCAPULA = "right-scapula", "Right scapula", "右肩胛骨";
    /// Left lung.
    LEFT_LUNG = "left-lung", "Left lung", "左肺";
    /// Right lung.
    RIGHT_LUNG = "right-lung", "Right lung", "右肺";
    /// Left hilum.
    LEFT_HILUM = "left-hilum", "Left hilum", "左肺门";
    /// Right hilum.
    RIGHT_HILUM = "right-hilum", "Right hilum", "右肺门";
    /// Heart.
    HEART = "heart", "Heart", "心脏";
    /// Aorta.
    AORTA = "aorta", "Aorta", "主动脉";
    /// Diaphragmatic surface.
    DIAPHRAGM = "diaphragm", "Diaphragm", "膈面";
    /// Mediastinum.
    MEDIASTINUM = "mediastinum", "Mediastinum", "纵隔";
    /// Oesophagus, called weasand by the model's authors.
    ESOPHAGUS = "esophagus", "Esophagus", "食管";
    /// Kellgren-Lawrence grade 1 or more.
    KL_AT_LEAST_1 = "knee-kl-at-least-1", "Knee osteoarthritis, at least doubtful (KL ≥ 1)", "膝骨关节炎，至少可疑（KL ≥ 1）";
    /// Kellgren-Lawrence grade 2 or more: radiographic osteoarthritis.
    KL_AT_LEAST_2 = "knee-kl-at-least-2", "Radiographic knee osteoarthritis (KL ≥ 2)", "膝骨关节炎，影像学确立（KL ≥ 2）";
    /// Kellgren-Lawrence grade 3 or more.
    KL_AT_LEAST_3 = "knee-kl-at-least-3", "Knee osteoarthritis, at least moderate (KL ≥ 3)", "膝骨关节炎，至少中度（KL ≥ 3）";
    /// Kellgren-Lawrence grade 4.
    KL_AT_LEAST_4 = "knee-kl-at-least-4", "Knee osteoarthritis, severe (KL 4)", "膝骨关节炎，重度（KL 4）";
    /// Spine.
    SPINE = "spine", "Spine", "脊柱";
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_its_own_id_and_both_names() {
        let ids: BTreeSet<_> = ALL.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for code in ALL {
            assert!(
                code.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                code.id
            );
            assert!(!code.name.zh().is_ascii(), "{}", code.id);
        }
    }
}
