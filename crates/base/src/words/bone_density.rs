//! What is said of bone density on CT.

use crate::text::Text;

texts! {
    const:
    /// Name.
    NAME = "Opportunistic bone density of the lumbar spine on CT", "CT 机会性腰椎骨密度评估";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "TotalSegmentator's weights: Apache-2.0 (vertebrae); its model of the tissues, for calibration, needs a licence number of its makers", "TotalSegmentator 权重：椎骨模型为 Apache-2.0；用于校准的组织模型须向作者申请许可号";
    /// What it is for.
    USE = "Measures the attenuation of L1 to L5 on CT of the abdomen or spine made for another reason, to find patients whose bone density should be examined.", "在因其他原因所做的腹部或脊柱 CT 上测量 L1–L5 椎体 CT 值，以发现需进一步行骨密度检查的患者。";
    /// What it cannot do.
    LIMITS = "No replacement for DXA or quantitative CT. Values hold for 120 kV without contrast: contrast adds about 10 HU and more, other tube voltages shift them. Fractures, metastases, implants and cement in a vertebra falsify its value; look at the regions. The thresholds at L1 are those of one American cohort (1,867 adults). Areal density, T-score and Z-score are estimates by another group's equations, here with another model's fat.", "不能替代 DXA 或定量 CT。数值以 120 kV 平扫为准：增强扫描约升高 10 HU 以上，其他管电压亦会改变数值。椎体骨折、转移、内固定或骨水泥会使数值失真，请核对测量区域。L1 阈值来自美国一项队列（1867 名成人）。面积骨密度、T 值与 Z 值为依他人公式的估计，且此处脂肪由另一模型测得。";
    /// An internal mistake.
    NO_TASK = "the tables of TotalSegmentator lack a task", "TotalSegmentator 任务表不完整";
    /// Remark.
    TECHNIQUE = "Attenuation depends on tube voltage, contrast medium and reconstruction; the thresholds are for 120 kV without contrast.", "CT 值受管电压、对比剂及重建方式影响；阈值适用于 120 kV 平扫。";
    /// Remark.
    NO_L1 = "L1 was not found or is shown in part only; the thresholds cannot be applied.", "未找到 L1 或仅部分显示，无法应用阈值。";
    /// Remark.
    UNCALIBRATED = "Values are as scanned: without TotalSegmentator's model of the tissues (Dataset481) nothing calibrates them, and no density is estimated.", "数值未经校准：未提供 TotalSegmentator 组织模型（Dataset481），故不估计骨密度。";
    /// Remark.
    NOT_CALIBRATED = "No calibration: L1 to L4, visceral fat or the air in front of the abdomen were not found where they should be, or not with plausible values.", "无法校准：L1–L4、内脏脂肪或腹前空气未在应有位置找到，或其数值不合理。";
    /// Choice.
    VERSE = "with --masks: vertebrae numbered as VerSe and SPINEPS do (L1 = 20)", "与 --masks 合用：椎骨按 VerSe、SPINEPS 编号（L1 = 20）";
    /// Choice.
    TOTAL_SPINE_SEG = "with --masks: vertebrae numbered as TotalSpineSeg does (L1 = 41)", "与 --masks 合用：椎骨按 TotalSpineSeg 编号（L1 = 41）";
    /// Wrong use.
    ONE_NUMBERING = "masks are numbered one way: verse, totalspineseg or, without either, as TotalSegmentator does", "标签图只能有一种编号：verse、totalspineseg，或均不指定（TotalSegmentator 编号）";
    /// Refused.
    NO_MASKS = "no label map with vertebrae was given for this case, and no weights to find them", "该病例未给出椎骨标签图，亦未提供用于检出椎骨的权重";
    /// Remark.
    GIVEN_MASKS = "Vertebrae were measured in the label map that was given, and not looked for.", "在给定的椎骨标签图内测量，未自动检出椎骨。";
    /// Measurement.
    CALIBRATED = "Calibrated attenuation L1–L4", "L1–L4 校准后 CT 值";
    /// Measurement.
    DENSITY = "Estimated areal bone density L1–L4", "L1–L4 面积骨密度（估计值）";
    /// Measurement.
    T_SCORE = "Estimated T-score L1–L4", "L1–L4 T 值（估计值）";
    /// Measurement.
    Z_SCORE = "Estimated Z-score L1–L4", "L1–L4 Z 值（估计值）";
    /// Remark.
    NO_Z_SCORE = "No Z-score: it needs the patient's age, of 20 years or more, which the file does not say.", "未计算 Z 值：文件未提供患者年龄，或年龄不足 20 岁。";
}

/// The region of a vertebra that is measured.
pub fn region(vertebra: &Text) -> Text {
    Text::filled(
        format!("{}, trabecular region", vertebra.en()),
        format!("{}松质骨测量区", vertebra.zh()),
    )
}

/// Mean attenuation of that region.
pub fn trabecular(vertebra: &Text) -> Text {
    Text::filled(
        format!("{}, trabecular attenuation", vertebra.en()),
        format!("{}松质骨 CT 值", vertebra.zh()),
    )
}

/// Mean attenuation of the whole vertebra.
pub fn whole(vertebra: &Text) -> Text {
    Text::filled(
        format!("{}, attenuation of the whole vertebra", vertebra.en()),
        format!("{}整体 CT 值", vertebra.zh()),
    )
}

/// Where L1 lies among the thresholds: which it does not exceed, and its value in HU.
pub fn l1(hu: f64, threshold: Option<(usize, f64)>) -> Text {
    let (en, zh) = match threshold {
        Some((0, most)) => (
            format!(
                "at or below {most:.0} HU, where osteoporosis is likely (more than 90 % specific)"
            ),
            format!("不高于 {most:.0} HU，提示骨质疏松可能（特异度大于 90%）"),
        ),
        Some((1, most)) => (
            format!("at or below {most:.0} HU, the balanced threshold for osteoporosis"),
            format!("不高于 {most:.0} HU（骨质疏松的均衡阈值）"),
        ),
        Some((_, most)) => (
            format!(
                "at or below {most:.0} HU, where osteoporosis is not excluded (more than 90 % sensitive)"
            ),
            format!("不高于 {most:.0} HU，不能排除骨质疏松（灵敏度大于 90%）"),
        ),
        None => (
            "above 160 HU, where osteoporosis is unlikely".to_owned(),
            "高于 160 HU，骨质疏松可能性低".to_owned(),
        ),
    };
    Text::filled(
        format!("Trabecular attenuation of L1 is {hu:.0} HU: {en}."),
        format!("L1 松质骨 CT 值为 {hu:.0} HU：{zh}。"),
    )
}

/// Where the calibrated mean of L1 to L4 lies about the original's threshold in HU.
pub fn calibrated(hu: f64, threshold: f64, abnormal: bool) -> Text {
    let (en, zh) = match abnormal {
        true => ("below", "低于"),
        false => ("not below", "不低于"),
    };
    let (calls, says) = match abnormal {
        true => ("abnormal (T-score below −1)", "异常（T 值低于 −1）"),
        false => ("normal", "正常"),
    };
    Text::filled(
        format!(
            "The calibrated mean of L1 to L4, {hu:.0} HU, is {en} {threshold:.0} HU: what Comp2Comp's pipeline calls {calls}."
        ),
        format!(
            "L1–L4 校准后平均 CT 值 {hu:.0} HU，{zh} {threshold:.0} HU：按 Comp2Comp 流程判为{says}。"
        ),
    )
}
