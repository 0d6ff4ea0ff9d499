//! What the judge of masks says of regions: structures that several labels make together.

use super::score::both;
use crate::text::Text;

texts! { static:
    /// Flag.
    FLAG_REGIONS = "Structures of several labels: NAME=1+2+4, separated by\ncommas, or brats2021, brats2023, brats2024,\nbrats2024-ped (default: those of the data set).",
        "由多个标签组成的结构：名称=1+2+4，以逗号分隔；\n或 brats2021、brats2023、brats2024、brats2024-ped\n（默认：数据集自带的区域）。";
    /// Hint.
    REGIONS_HINT = "--regions names them: --regions brats2023, --regions brats2024-ped, or --regions WT=1+2+3,TC=1+3,ET=3",
        "请用 --regions 指定：--regions brats2023、--regions brats2024-ped，或 --regions WT=1+2+3,TC=1+3,ET=3";
    /// Labels and regions.
    EITHER = "either --labels or --regions says what is judged", "--labels 与 --regions 只能选择其一";
    /// Paediatric BraTS changed its numbers.
    PED_UNCLEAR = "the paediatric track (BraTS-PED) numbers its labels otherwise in 2024 (1 enhancing, 2 non-enhancing, 3 cyst, 4 oedema) than in 2023 (1 non-enhancing, 2 oedema, 3 enhancing), and its files do not say which they are",
        "BraTS 儿童组（BraTS-PED）2024 年的标签编号（1 强化，2 非强化，3 囊性，4 水肿）与 2023 年（1 非强化，2 水肿，3 强化）不同，文件本身无法区分";
    /// Two generations in one folder.
    GENERATIONS_MIXED = "the folder holds cases of BraTS until 2021 and since 2023, whose labels 3 and 4 mean different things",
        "该文件夹同时含 2021 年及以前与 2023 年起的 BraTS 病例，两者标签 3 与 4 的含义不同";
    /// How lesions are averaged.
    BRATS_MEAN = "Lesion-wise scores as BraTS 2023: in each case the mean over lesions, where a lesion that was missed or made up counts Dice 0 and HD95 374 mm. The rows marked BraTS also count cases without any lesion to judge on either side, with Dice 1 and HD95 0, as the challenge does.",
        "逐病灶指标同 BraTS 2023：每例取各病灶均值，漏诊或多报的病灶计 Dice 0、HD95 374 mm。标注 BraTS 的行按竞赛规则另将双方均无可评病灶的病例计为 Dice 1、HD95 0。";
}

/// No regions.
pub fn which_regions(text: &str, known: &[&str]) -> Text {
    Text::filled(
        format!(
            "--regions takes {} or NAME=LABEL+LABEL, labels from 1 to 65535 and each name once, not {text:?}",
            known.join(", ")
        ),
        format!(
            "--regions 的取值为 {}，或 名称=标签+标签（标签 1–65535，名称不得重复），而不是 {text:?}",
            known.join("、")
        ),
    )
}

/// What regions are made of.
pub fn regions(parts: &[(&str, &[u16])]) -> Text {
    let one = |(name, labels): &(&str, &[u16])| {
        let labels: Vec<String> = labels.iter().map(u16::to_string).collect();
        format!("{name} = {}", labels.join(" + "))
    };
    let (en, zh) = both(&parts.iter().map(one).collect::<Vec<_>>());
    Text::filled(format!("Regions, by labels: {en}."), format!("区域（标签组成）：{zh}。"))
}
