//! What is said of DeepBrain and by it.

texts! {
    const:
    /// Name.
    NAME = "DeepBrain extractor (brain on T1)", "DeepBrain 脑提取（T1 加权）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "MIT, with the code; trained on CC359, NFBS and ADNI", "随代码以 MIT 许可发布；训练数据为 CC359、NFBS 与 ADNI";
    /// What it is for.
    USE = "Marks the brain on a T1-weighted MRI of the head (skull stripping), before other analyses.", "在头部 T1 加权 MRI 上标出脑组织（去颅骨），供后续分析使用。";
    /// What it cannot do.
    LIMITS = "Trained on T1-weighted heads of adults only; other contrasts, CT, children, large lesions and post-operative heads were not tested by its authors. It works on 128 × 128 × 128 voxels whatever the spacing, so that the border is a voxel or two coarse; islands and holes are not removed. The accuracy its authors state (Dice above 0.97) has no published table.", "仅用成人 T1 加权头部影像训练；其他序列、CT、儿童、大病灶及术后头部未经作者验证。无论原始间距如何均在 128×128×128 体素上计算，边界误差约一至两个体素；不去除孤立小块，也不填充空洞。作者所称精度（Dice 大于 0.97）未见公开数据表。";
    /// The number.
    BRAIN_VOLUME = "Brain volume", "脑体积";
    /// Remark.
    NOTHING = "No voxel was marked as brain: the image is probably no T1-weighted head.", "未标出任何脑组织：该影像可能不是 T1 加权头部影像。";
}
