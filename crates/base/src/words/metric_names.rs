//! What metrics are called, by their names in JSON.

use crate::text::Text;

/// What a metric is called on a terminal and on the page; `None` of an unknown name.
pub fn metric(name: &str) -> Option<Text> {
    let (en, zh) = match name {
        "roc_auc_score" => ("AUROC", "ROC 曲线下面积（AUROC）"),
        "average_precision_score" => ("AUPRC (average precision)", "PR 曲线下面积（平均精度）"),
        "recall_score" => ("sensitivity", "敏感度"),
        "specificity_score" => ("specificity", "特异度"),
        "precision_score" => ("PPV", "阳性预测值"),
        "npv_score" => ("NPV", "阴性预测值"),
        "accuracy_score" => ("accuracy", "准确率"),
        "balanced_accuracy_score" => ("balanced accuracy", "平衡准确率"),
        "f1_score" => ("F1", "F1 值"),
        "matthews_corrcoef" => ("MCC", "马修斯相关系数"),
        "cohen_kappa_score" => ("Cohen's κ", "Cohen κ"),
        "cohen_kappa_score_quadratic" => ("quadratic weighted κ", "二次加权 κ"),
        "accuracy_within_one" => ("accuracy within one grade", "相差不超过一级的比例"),
        "roc_auc_score_micro" => ("AUROC, micro", "AUROC（微平均）"),
        "average_precision_score_micro" => ("AUPRC, micro", "AUPRC（微平均）"),
        "roc_auc_score_max_fpr_0.1" => {
            ("partial AUROC, specificity ≥ 0.9", "部分 AUROC（特异度 ≥ 0.9）")
        }
        "roc_auc_score_max_fpr_0.2" => {
            ("partial AUROC, specificity ≥ 0.8", "部分 AUROC（特异度 ≥ 0.8）")
        }
        "precision_score_at_prevalence" => {
            ("PPV at the given prevalence", "阳性预测值（指定患病率）")
        }
        "npv_score_at_prevalence" => ("NPV at the given prevalence", "阴性预测值（指定患病率）"),
        "AP_lesions" => ("AP over lesions", "AP（按病灶）"),
        "picai_score" => ("PI-CAI score", "PI-CAI 总分"),
        "auroc" => ("AUROC by case", "AUROC（按病例）"),
        "brier_score_loss" => ("Brier score", "Brier 评分"),
        "expected_calibration_error" => ("ECE (15 equal bins)", "期望校准误差（15 等宽分箱）"),
        "expected_calibration_error_equal_mass" => {
            ("ECE (15 equal-mass bins)", "期望校准误差（15 等频分箱）")
        }
        "maximum_calibration_error" => ("MCE", "最大校准误差"),
        "calibration_slope" => ("calibration slope", "校准斜率"),
        "calibration_intercept" => ("calibration in the large", "校准截距"),
        "mean_absolute_error" => ("MAE", "平均绝对误差"),
        "absolute_error" => ("absolute error", "绝对误差"),
        "median_absolute_error" => ("median absolute error", "绝对误差中位数"),
        "root_mean_squared_error" => ("RMSE", "均方根误差"),
        "bias" => ("bias (predicted − true)", "偏倚（预测 − 参考）"),
        "r2_score" => ("R²", "决定系数 R²"),
        "limit_of_agreement_lower" => ("lower limit of agreement", "一致性界限下限"),
        "limit_of_agreement_upper" => ("upper limit of agreement", "一致性界限上限"),
        "proportional_bias_slope" => ("proportional bias (slope)", "比例偏倚（斜率）"),
        "icc_2_1" => ("ICC(2,1) agreement", "组内相关系数 ICC(2,1)"),
        "icc_3_1" => ("ICC(3,1) consistency", "组内相关系数 ICC(3,1)"),
        "concordance_corrcoef" => ("Lin's CCC", "Lin 一致性相关系数"),
        "dice" | "mean_dice" => ("Dice", "Dice 系数"),
        "iou" | "mean_iou" => ("IoU", "交并比"),
        "sensitivity" => ("sensitivity (voxels)", "敏感度（体素）"),
        "precision" => ("precision (voxels)", "精确度（体素）"),
        "specificity" => ("specificity (voxels)", "特异度（体素）"),
        "hausdorff_distance" => ("Hausdorff distance, mm", "Hausdorff 距离（mm）"),
        "hausdorff_distance_95" => ("HD95, directed maximum, mm", "HD95（双向取大，mm）"),
        "hausdorff_distance_95_surfels" => ("HD95, by surface area, mm", "HD95（表面积加权，mm）"),
        "hausdorff_distance_95_pooled" => ("HD95, pooled, mm", "HD95（合并，mm）"),
        "average_surface_distance" => ("ASSD, mm", "平均对称表面距离 ASSD（mm）"),
        "mean_average_surface_distance" => ("MASD, mm", "双向平均表面距离 MASD（mm）"),
        "surface_dice" => ("surface Dice (surfels)", "表面 Dice（面元）"),
        "surface_dice_voxels" => ("surface Dice (voxels)", "表面 Dice（体素）"),
        "absolute_volume_difference_ml" => ("absolute volume difference, ml", "体积差绝对值（ml）"),
        "volume_difference_ml" => ("volume difference, ml", "体积差（ml）"),
        "relative_volume_difference" => ("relative volume difference", "相对体积差"),
        "cl_dice" => ("clDice", "中心线 Dice"),
        "panoptic_quality" => ("panoptic quality", "全景质量 PQ"),
        "lesion_wise_dice" => ("lesion-wise Dice", "逐病灶 Dice"),
        "lesion_wise_hd95" => ("lesion-wise HD95, mm", "逐病灶 HD95（mm）"),
        "lesions_found" => ("lesions found, a case", "检出病灶数（每例）"),
        "lesions_missed" => ("lesions missed, a case", "漏检病灶数（每例）"),
        "lesions_made_up" => ("lesions made up, a case", "误检病灶数（每例）"),
        "brats_lesion_wise_dice" => {
            ("lesion-wise Dice (BraTS: 1 where both empty)", "逐病灶 Dice（BraTS：均空计 1）")
        }
        "brats_lesion_wise_hd95" => (
            "lesion-wise HD95, mm (BraTS: 0 where both empty)",
            "逐病灶 HD95（mm，BraTS：均空计 0）",
        ),
        "true_positives" => ("true positives", "真阳性"),
        "AP" => ("mAP (IoU 0.50 to 0.95)", "mAP（IoU 0.50–0.95）"),
        "AP50" => ("AP50", "AP50"),
        "AP75" => ("AP75", "AP75"),
        "CPM" => {
            ("CPM (mean sensitivity at ⅛ to 8 FP/image)", "CPM（每图 ⅛–8 个假阳性时的平均敏感度）")
        }
        "Bleu_1" => ("BLEU-1", "BLEU-1"),
        "Bleu_2" => ("BLEU-2", "BLEU-2"),
        "Bleu_3" => ("BLEU-3", "BLEU-3"),
        "Bleu_4" => ("BLEU-4", "BLEU-4"),
        "f1_score_micro" => ("F1, micro", "F1 值（微平均）"),
        "f1_score_macro" => ("F1, macro", "F1 值（宏平均）"),
        "f1_score_weighted" => ("F1, weighted", "F1 值（加权平均）"),
        "exact_match" => ("all labels right", "全部标签一致率"),
        "APs" => ("AP, small objects", "AP（小目标）"),
        "APm" => ("AP, medium objects", "AP（中目标）"),
        "APl" => ("AP, large objects", "AP（大目标）"),
        "AR1" => ("recall, 1 box an image", "召回率（每图 1 框）"),
        "AR10" => ("recall, 10 boxes an image", "召回率（每图 10 框）"),
        "AR100" => ("recall, 100 boxes an image", "召回率（每图 100 框）"),
        "ARs" => ("recall, small objects", "召回率（小目标）"),
        "ARm" => ("recall, medium objects", "召回率（中目标）"),
        "ARl" => ("recall, large objects", "召回率（大目标）"),
        "ROUGE_L" => ("ROUGE-L", "ROUGE-L"),
        "METEOR_2007" => {
            ("METEOR (2007: form, stem, synonym)", "METEOR（2007：词形、词干、同义词）")
        }
        "METEOR_2007_exact_stem" => {
            ("METEOR (2007: form and stem only)", "METEOR（2007：仅词形与词干）")
        }
        "CIDEr" => ("CIDEr-D", "CIDEr-D"),
        _ => return None,
    };
    Some(Text::filled(en, zh))
}
