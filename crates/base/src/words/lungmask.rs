//! What is said of lungmask and by it.

texts! {
    const:
    /// Name.
    R231 = "lungmask R231 (lungs on CT)", "lungmask R231（CT 肺分割）";
    /// Name.
    COVID = "lungmask R231CovidWeb (lungs on CT, COVID-19)", "lungmask R231CovidWeb（CT 肺分割，COVID-19）";
    /// Name.
    LTRC = "lungmask LTRCLobes (lobes on CT)", "lungmask LTRCLobes（CT 肺叶分割）";
    /// Name.
    FUSED = "lungmask LTRCLobes_R231 (lobes within the lungs on CT)", "lungmask LTRCLobes_R231（CT 肺叶分割，限于肺内）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Apache-2.0, as the repository that publishes them; the paper of 2020 announced GPL-3.0", "随发布仓库以 Apache-2.0 许可；2020 年论文曾声明 GPL-3.0";
    /// What it is for.
    USE = "Marks the lungs or their lobes on axial CT of the chest, dense disease included.", "在胸部轴位 CT 上标出肺或肺叶，致密病变包括在内。";
    /// What it cannot do.
    LIMITS = "Slices are read one by one, without their neighbours. Pleural effusion, tumour outside the lung and gas in the bowel may be taken for lung or left out; lobes need visible fissures. Values must be Hounsfield units. The published agreement for R231 (Dice 0.98 ± 0.03 in routine CT) is that of its authors' own 231 training cases' hospital; lobes were trained on the LTRC data only.", "逐层判读，不参考相邻层面。胸腔积液、肺外肿瘤及肠气可能被误作肺或被遗漏；肺叶分割需裂隙可见。数值须为 HU。R231 的已发表一致性（常规 CT 中 Dice 0.98 ± 0.03）来自作者所在医院（训练 231 例）；肺叶模型仅用 LTRC 数据训练。";
    /// Remark.
    NOTHING = "No voxel was marked as lung: the image is probably no chest CT in Hounsfield units.", "未标出任何肺组织：该影像可能不是以 HU 为单位的胸部 CT。";
}
