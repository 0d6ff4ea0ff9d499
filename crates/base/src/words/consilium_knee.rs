//! What is said of the project's own knee grader and by it.

use crate::text::Text;

texts! {
    const:
    /// Name.
    NAME = "Consilium knee (Kellgren-Lawrence grade)", "会诊·膝关节（Kellgren-Lawrence 分级）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "CC BY 4.0, part of this program; trained on the knee set of Chen 2018 (CC BY 4.0, images of the Osteoarthritis Initiative), from ImageNet weights of EfficientNet-Lite0 (Apache-2.0)", "CC BY 4.0，随本程序提供；训练数据为 Chen 2018 膝关节数据集（CC BY 4.0，影像来自 OAI），初始权重为 EfficientNet-Lite0 的 ImageNet 权重（Apache-2.0）";
    /// What it is for.
    USE = "Grades radiographic osteoarthritis of one knee (Kellgren-Lawrence 0 to 4) on a frontal film cut to the joint. Needs no download.", "在裁剪至关节的正位膝关节 X 线片上评定单膝骨关节炎影像学分级（Kellgren-Lawrence 0–4 级）。无需下载权重。";
    /// What it cannot do.
    LIMITS = "Trained on standing frontal films of people of 45 to 79 years, cut to one joint at 224 × 224 pixels; whole films of both knees, lateral views, children, prostheses, fractures and tumours were never seen. Readers themselves disagree about grade 1. Held-out results stand in training/knee/README.md. Not for diagnosis.", "训练影像为 45–79 岁人群的站立正位片，裁剪为单膝 224×224 像素；未见过双膝全片、侧位片、儿童、假体、骨折及肿瘤。1 级的判读在医师之间亦不一致。测试集结果见 training/knee/README.md。不得用于诊断。";
    /// Number.
    GRADE = "Kellgren-Lawrence grade", "Kellgren-Lawrence 分级";
    /// How strangeness is measured.
    STRANGE_METHOD = "distance of the network's features from those of the training films; 1 is passed by one in two hundred films of the validation split", "网络特征与训练影像特征的距离；验证集中仅 1/200 的影像超过 1";
    /// Remark.
    STRANGE = "This image does not look like the knee films the model was trained on: its grade means nothing unless the film is a frontal knee cut to the joint.", "该影像与训练所用膝关节片差异明显：若非裁剪至关节的正位膝关节片，其分级没有意义。";
    /// Remark.
    PROBABILITY_MEANING = "The probabilities were calibrated on the validation split of Chen 2018 (826 films); in other populations they may be off.", "概率经 Chen 2018 验证集（826 张）校准；用于其他人群时可能有偏差。";
}

/// The grades: identifier and name.
pub static GRADES: [(&str, Text); 5] = [
    ("kl-0", Text::fixed("Grade 0: none", "0 级：无")),
    ("kl-1", Text::fixed("Grade 1: doubtful", "1 级：可疑")),
    ("kl-2", Text::fixed("Grade 2: mild", "2 级：轻度")),
    ("kl-3", Text::fixed("Grade 3: moderate", "3 级：中度")),
    ("kl-4", Text::fixed("Grade 4: severe", "4 级：重度")),
];
