//! Names of anatomical structures from the identifiers that segmentation models use
//! (`kidney_left`, `vertebrae_L1`, `rib_right_3`), composed in both languages.

use crate::text::Text;

/// The name of a structure; an identifier of unknown parts is given as it is in both languages.
///
/// Sides stand before the Chinese name and before the English one; vertebrae, ribs, liver segments and
/// teeth (FDI numbers) are counted.
pub fn structure(id: &str) -> Text {
    let numbered = |prefix: &str| id.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if let Some(level) = numbered("vertebrae_").filter(|level| is_level(level)) {
        let zh = match level.split_at(1) {
            ("C", n) => format!("第 {n} 颈椎"),
            ("T", n) => format!("第 {n} 胸椎"),
            ("L", n) => format!("第 {n} 腰椎"),
            (_, n) => format!("第 {n} 骶椎"),
        };
        return Text::filled(format!("Vertebra {level}"), zh);
    }
    for (side, en, zh) in [("rib_left_", "Left", "左"), ("rib_right_", "Right", "右")] {
        if let Some(number) = numbered(side).filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
            return Text::filled(format!("{en} rib {number}"), format!("{zh}第 {number} 肋"));
        }
    }
    if let Some(number) = numbered("liver_segment_") {
        let (en, zh) = (format!("Liver segment {number}"), format!("肝第 {number} 段"));
        return Text::filled(en, zh);
    }
    if let Some(tooth) = tooth(id) {
        return tooth;
    }
    let sided = [("_left", "left ", "左侧"), ("_right", "right ", "右侧")];
    let (stem, en, zh) = sided
        .into_iter()
        .find_map(|(end, en, zh)| id.strip_suffix(end).map(|stem| (stem, en, zh)))
        .unwrap_or((id, "", ""));
    match ZH.binary_search_by(|(known, _)| known.cmp(&stem)) {
        Ok(at) => {
            let name = capital(&format!("{en}{}", stem.replace('_', " ")));
            // 左肾, not 左侧肾, where the name is one or two characters.
            let short = ZH[at].1.chars().count() <= 2;
            let side = if short { zh.trim_end_matches('侧') } else { zh };
            Text::filled(name, format!("{side}{}", ZH[at].1))
        }
        Err(_) => Text::same(id),
    }
}

/// `C1`, `T12`, `L5`, `S1`.
fn is_level(text: &str) -> bool {
    let rest = text.strip_prefix(['C', 'T', 'L', 'S']);
    rest.is_some_and(|rest| {
        (1..=2).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `upper_left_first_premolar_pulp_fdi124`: FDI number of the tooth, 100 more for its pulp.
fn tooth(id: &str) -> Option<Text> {
    let (name, number) = id.rsplit_once("_fdi")?;
    let number: u16 = number.parse().ok()?;
    let pulp = name.ends_with("_pulp");
    let number = if pulp { number.checked_sub(100)? } else { number };
    let (quadrant, place) = (number / 10, number % 10);
    let (en, zh) = match quadrant {
        1 => ("upper right", "右上"),
        2 => ("upper left", "左上"),
        3 => ("lower left", "左下"),
        4 => ("lower right", "右下"),
        _ => return None,
    };
    let kinds = [
        ("central incisor", "中切牙"),
        ("lateral incisor", "侧切牙"),
        ("canine", "尖牙"),
        ("first premolar", "第一前磨牙"),
        ("second premolar", "第二前磨牙"),
        ("first molar", "第一磨牙"),
        ("second molar", "第二磨牙"),
        ("third molar", "第三磨牙"),
    ];
    let kind = kinds.get(usize::from(place).checked_sub(1)?)?;
    let (of, of_zh) = if pulp { ("Pulp of ", "牙髓") } else { ("", "") };
    Some(Text::filled(
        capital(&format!("{of}{en} {} (FDI {number})", kind.0)),
        format!("{zh}{}{of_zh}（FDI {number}）", kind.1),
    ))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Chinese names by English identifier, sorted.
static ZH: &[(&str, &str)] = &[
    ("abdominal_cavity", "腹腔"),
    ("adrenal_gland", "肾上腺"),
    ("anterior_scalene", "前斜角肌"),
    ("aorta", "主动脉"),
    ("atrial_appendage", "心耳"),
    ("auditory_canal", "外耳道"),
    ("autochthon", "竖脊肌群（固有背肌）"),
    ("body_extremities", "四肢"),
    ("body_trunc", "躯干"),
    ("brachiocephalic_trunk", "头臂干"),
    ("brachiocephalic_vein", "头臂静脉"),
    ("brain", "脑"),
    ("brain_aneurysm", "脑动脉瘤"),
    ("brainstem", "脑干"),
    ("breast", "乳腺"),
    ("bridge", "牙桥"),
    ("carpal", "腕骨"),
    ("caudate_nucleus", "尾状核"),
    ("central_sulcus", "中央沟"),
    ("cerebellum", "小脑"),
    ("clavicula", "锁骨"),
    ("colon", "结肠"),
    ("common_carotid_artery", "颈总动脉"),
    ("coracobrachial", "喙肱肌"),
    ("coronary_arteries", "冠状动脉"),
    ("costal_cartilages", "肋软骨"),
    ("cricoid_cartilage", "环状软骨"),
    ("crown", "牙冠修复体"),
    ("deltoid", "三角肌"),
    ("digastric", "二腹肌"),
    ("duodenum", "十二指肠"),
    ("erector_spinae", "竖脊肌"),
    ("esophagus", "食管"),
    ("external_oblique", "腹外斜肌"),
    ("eye", "眼"),
    ("eye_lens", "晶状体"),
    ("eyeball", "眼球"),
    ("face", "面部"),
    ("femur", "股骨"),
    ("fibula", "腓骨"),
    ("fourth_ventricle", "第四脑室"),
    ("frontal_lobe", "额叶"),
    ("gallbladder", "胆囊"),
    ("gluteus_maximus", "臀大肌"),
    ("gluteus_medius", "臀中肌"),
    ("gluteus_minimus", "臀小肌"),
    ("hard_palate", "硬腭"),
    ("head", "头部"),
    ("heart", "心脏"),
    ("heart_atrium", "心房"),
    ("heart_myocardium", "左心室心肌"),
    ("heart_ventricle", "心室"),
    ("hip", "髋骨"),
    ("hip_implant", "髋关节假体"),
    ("humerus", "肱骨"),
    ("hyoid", "舌骨"),
    ("hypopharynx", "下咽"),
    ("iliac_artery", "髂动脉"),
    ("iliac_vena", "髂静脉"),
    ("iliopsoas", "髂腰肌"),
    ("implant", "种植体"),
    ("inferior_oblique_muscle", "下斜肌"),
    ("inferior_pharyngeal_constrictor", "咽下缩肌"),
    ("inferior_rectus_muscle", "下直肌"),
    ("inferior_vena_cava", "下腔静脉"),
    ("infraspinatus", "冈下肌"),
    ("insular_cortex", "岛叶皮质"),
    ("intermuscular_fat", "肌间脂肪"),
    ("internal_capsule", "内囊"),
    ("internal_carotid_artery", "颈内动脉"),
    ("internal_jugular_vein", "颈内静脉"),
    ("internal_oblique", "腹内斜肌"),
    ("intervertebral_discs", "椎间盘"),
    ("intracerebral_hemorrhage", "脑内出血"),
    ("kidney", "肾"),
    ("kidney_cyst", "肾囊肿"),
    ("larynx_air", "喉腔气体"),
    ("lateral_pterygoid", "翼外肌"),
    ("lateral_rectus_muscle", "外直肌"),
    ("latissimus_dorsi", "背阔肌"),
    ("left_coronary_cusp", "主动脉瓣左冠瓣"),
    ("left_inferior_alveolar_canal", "左下牙槽神经管"),
    ("left_mandibular_incisive_canal_fdi103", "左下颌切牙管"),
    ("left_maxillary_sinus", "左上颌窦"),
    ("left_ventricular_outflow_tract", "左室流出道"),
    ("lentiform_nucleus", "豆状核"),
    ("levator_palpebrae_superioris", "上睑提肌"),
    ("levator_scapulae", "肩胛提肌"),
    ("lingual_canal", "舌侧管"),
    ("liver", "肝"),
    ("liver_lesions", "肝脏病灶"),
    ("liver_tumor", "肝脏肿瘤"),
    ("liver_vessels", "肝血管"),
    ("lower_jawbone", "下颌骨"),
    ("lung", "肺"),
    ("lung_airways", "肺内气道"),
    ("lung_airways_wall", "肺内气道壁"),
    ("lung_arteries", "肺内动脉"),
    ("lung_lower_lobe", "肺下叶"),
    ("lung_middle_lobe", "肺中叶"),
    ("lung_nodules", "肺结节"),
    ("lung_pleural", "肺（胸膜腔内）"),
    ("lung_upper_lobe", "肺上叶"),
    ("lung_veins", "肺内静脉"),
    ("mandible", "下颌骨"),
    ("masseter", "咬肌"),
    ("medial_pterygoid", "翼内肌"),
    ("medial_rectus_muscle", "内直肌"),
    ("mediastinum", "纵隔"),
    ("metacarpal", "掌骨"),
    ("metatarsal", "跖骨"),
    ("middle_pharyngeal_constrictor", "咽中缩肌"),
    ("middle_scalene", "中斜角肌"),
    ("nasal_cavity", "鼻腔"),
    ("nasopharynx", "鼻咽"),
    ("non_coronary_cusp", "主动脉瓣无冠瓣"),
    ("occipital_lobe", "枕叶"),
    ("optic_nerve", "视神经"),
    ("oropharynx", "口咽"),
    ("pancreas", "胰腺"),
    ("parietal_lobe", "顶叶"),
    ("parotid_gland", "腮腺"),
    ("patella", "髌骨"),
    ("pectoralis_major", "胸大肌"),
    ("pectoralis_minor", "胸小肌"),
    ("pericardial_effusion", "心包积液"),
    ("pericardium", "心包"),
    ("phalanges_feet", "趾骨"),
    ("phalanges_hand", "指骨"),
    ("pharynx", "咽"),
    ("platysma", "颈阔肌"),
    ("pleural_effusion", "胸腔积液"),
    ("portal_vein_and_splenic_vein", "门静脉及脾静脉"),
    ("posterior_scalene", "后斜角肌"),
    ("prevertebral", "椎前肌"),
    ("prostate", "前列腺"),
    ("psoas_major", "腰大肌"),
    ("pulmonary_artery", "肺动脉"),
    ("pulmonary_vein", "肺静脉"),
    ("quadratus_lumborum", "腰方肌"),
    ("quadriceps_femoris", "股四头肌"),
    ("radius", "桡骨"),
    ("rectus_abdominis", "腹直肌"),
    ("right_coronary_cusp", "主动脉瓣右冠瓣"),
    ("right_inferior_alveolar_canal", "右下牙槽神经管"),
    ("right_mandibular_incisive_canal_fdi104", "右下颌切牙管"),
    ("right_maxillary_sinus", "右上颌窦"),
    ("sacrum", "骶骨"),
    ("sartorius", "缝匠肌"),
    ("scapula", "肩胛骨"),
    ("septum_pellucidum", "透明隔"),
    ("serratus_anterior", "前锯肌"),
    ("sinus_frontal", "额窦"),
    ("sinus_maxillary", "上颌窦"),
    ("skeletal_muscle", "骨骼肌"),
    ("skull", "颅骨"),
    ("small_bowel", "小肠"),
    ("soft_palate", "软腭"),
    ("spinal_cord", "脊髓"),
    ("spleen", "脾"),
    ("sterno_thyroid", "胸骨甲状肌"),
    ("sternocleidomastoid", "胸锁乳突肌"),
    ("sternum", "胸骨"),
    ("stomach", "胃"),
    ("styloid_process", "茎突"),
    ("subarachnoid_space", "蛛网膜下腔"),
    ("subclavian_artery", "锁骨下动脉"),
    ("subcutaneous_fat", "皮下脂肪"),
    ("submandibular_gland", "下颌下腺"),
    ("subscapularis", "肩胛下肌"),
    ("superior_oblique_muscle", "上斜肌"),
    ("superior_pharyngeal_constrictor", "咽上缩肌"),
    ("superior_rectus_muscle", "上直肌"),
    ("superior_vena_cava", "上腔静脉"),
    ("supraspinatus", "冈上肌"),
    ("tarsal", "跗骨"),
    ("teeth_lower", "下牙列"),
    ("teeth_upper", "上牙列"),
    ("temporal_lobe", "颞叶"),
    ("temporalis", "颞肌"),
    ("teres_major", "大圆肌"),
    ("thalamus", "丘脑"),
    ("thigh_medial_compartment", "大腿内侧肌群"),
    ("thigh_posterior_compartment", "大腿后群肌"),
    ("third_ventricle", "第三脑室"),
    ("thoracic_cavity", "胸腔"),
    ("thyrohyoid", "甲状舌骨肌"),
    ("thyroid_cartilage", "甲状软骨"),
    ("thyroid_gland", "甲状腺"),
    ("tibia", "胫骨"),
    ("tongue", "舌"),
    ("torso_fat", "躯干内脏脂肪"),
    ("trachea", "气管"),
    ("transversospinalis", "横突棘肌"),
    ("trapezius", "斜方肌"),
    ("triceps_brachii", "肱三头肌"),
    ("ulna", "尺骨"),
    ("upper_jawbone", "上颌骨"),
    ("urinary_bladder", "膀胱"),
    ("venous_sinuses", "静脉窦"),
    ("ventricle", "脑室"),
    ("ventricle_body", "侧脑室体部"),
    ("ventricle_frontal_horn", "侧脑室额角"),
    ("ventricle_occipital_horn", "侧脑室枕角"),
    ("ventricle_temporal_horn", "侧脑室颞角"),
    ("ventricle_trigone", "侧脑室三角区"),
    ("vertebrae", "椎骨"),
    ("vertebrae_body", "椎体"),
    ("zygomatic_arch", "颧弓"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_composed_in_both_languages() {
        let both = |id: &str| {
            let text = structure(id);
            (text.en().to_owned(), text.zh().to_owned())
        };
        assert_eq!(both("kidney_left"), ("Left kidney".into(), "左肾".into()));
        let lobe = ("Right lung upper lobe".into(), "右侧肺上叶".into());
        assert_eq!(both("lung_upper_lobe_right"), lobe);
        assert_eq!(both("vertebrae_T12"), ("Vertebra T12".into(), "第 12 胸椎".into()));
        assert_eq!(both("rib_right_3"), ("Right rib 3".into(), "右第 3 肋".into()));
        assert_eq!(both("liver_segment_4"), ("Liver segment 4".into(), "肝第 4 段".into()));
        let canine = ("Upper left canine (FDI 23)".into(), "左上尖牙（FDI 23）".into());
        assert_eq!(both("upper_left_canine_fdi23"), canine);
        let pulp = "Pulp of lower right first molar (FDI 46)".to_owned();
        let zh = "右下第一磨牙牙髓（FDI 46）".to_owned();
        assert_eq!(both("lower_right_first_molar_pulp_fdi146"), (pulp, zh));
        assert_eq!(both("no_such_thing"), ("no_such_thing".into(), "no_such_thing".into()));
    }

    #[test]
    fn the_table_is_sorted_for_looking_up() {
        assert!(ZH.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
