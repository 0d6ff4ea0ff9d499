//! What is said of HD-BET.

texts! {
    const:
    /// Name.
    NAME = "HD-BET 2 (brain on MRI)", "HD-BET 2（MRI 脑提取）";
    /// Name.
    NAME_ONE = "HD-BET 1 (brain on MRI)", "HD-BET 1（MRI 脑提取）";
    /// Choice.
    FAST = "one network instead of five", "仅用 1 个网络（默认 5 个）";
    /// What it cannot do.
    LIMITS_ONE = "Version 2 supersedes it. Trained on T1, T1 with contrast, T2 and FLAIR of adults, among them many with brain tumours; works at 1.5 mm, so that the border is a voxel or two coarse. Not for CT. Without --tta mirrored copies are not read, which its authors do by default.", "已由第 2 版取代。训练数据为成人 T1、增强 T1、T2 与 FLAIR（含大量脑肿瘤病例）；在 1.5 mm 分辨率下计算，边界误差约一至两个体素。不适用于 CT。未指定 --tta 时不读取镜像副本，而作者默认读取。";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Apache-2.0 with the code; the record of the weights states its own terms", "代码为 Apache-2.0；权重许可以其发布页面为准";
    /// What it is for.
    USE = "Marks the brain on MRI of the head (T1, T1 with contrast, T2, FLAIR), tumours included.", "在头部 MRI（T1、增强 T1、T2、FLAIR）上标出脑组织，含肿瘤区域。";
    /// What it cannot do.
    LIMITS = "Trained on pre- and post-contrast T1, T2 and FLAIR of the head in standard orientation; other contrasts may work, as its authors say, but were not trained for. Not for CT. Without --tta mirrored copies are not read, which its authors do by default.", "训练序列为标准方位的头部平扫与增强 T1、T2 及 FLAIR；作者称其他序列亦可使用，但未经专门训练。不适用于 CT。未指定 --tta 时不读取镜像副本，而作者默认读取。";
}
