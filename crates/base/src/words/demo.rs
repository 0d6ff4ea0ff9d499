//! What the demonstration says.

use crate::text::Text;
use std::path::Path;

texts! {
    const:
    /// Help.
    DEMO = "Draw a head in a contrast nobody has seen, read it with the brain reader that is part of the program,\nand compare with the truth. Nothing is downloaded; every run draws another head.\n--film shows the report of a made-up chest film instead, with made-up weights: its numbers mean nothing.", "绘制一例全新对比度的模拟头部影像，用随程序提供的脑结构模型读取，并与真值比较。\n无需下载；每次运行都会绘制不同的头部。\n--film 则演示一张模拟胸片的报告，权重亦为模拟，数值没有意义。";
    /// Flag.
    SEED = "Draw the head of this number again.", "重新绘制该编号对应的头部。";
    /// Flag.
    FILM = "Show a made-up chest film with made-up weights instead.", "改为演示模拟胸片（模拟权重）。";
    /// Above the table.
    AGREEMENT = "Overlap with the truth (Dice; 1 is perfect):", "与真值的重叠度（Dice，1 为完全一致）：";
}

/// A seed that is none.
pub fn seed_wrong(value: &str) -> Text {
    Text::filled(
        format!("--seed takes a whole number, not '{value}'"),
        format!("--seed 的取值应为整数，而不是“{value}”"),
    )
}

/// What was drawn.
pub fn drawn(image: &Path, seed: u64) -> Text {
    Text::filled(
        format!("A made-up head, number {seed}: {}", image.display()),
        format!("模拟头部，编号 {seed}：{}", image.display()),
    )
}

/// The last line.
pub fn summary(mean: f64, structures: usize, seconds: f64) -> Text {
    Text::filled(
        format!(
            "Mean Dice {mean:.3} over {structures} structures, read in {seconds:.1} s. The head is a drawing: how the reader does on real ones stands in its model card."
        ),
        format!(
            "{structures} 个结构平均 Dice {mean:.3}，读取用时 {seconds:.1} 秒。该头部为绘制所得；模型在真实数据上的表现见其模型卡。"
        ),
    )
}
