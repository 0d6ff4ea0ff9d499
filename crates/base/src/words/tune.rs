//! What `bench --tune` says, and the file it writes.

use crate::Text;
use std::fmt::Display;

texts! {
    const:
    /// Flag.
    FLAG_TUNE = "Measure how convolutions run fastest on this machine (some\nseconds, nothing else running); later runs use it.", "测定本机上卷积的最快算法\n（数秒，请勿同时运行其他程序），之后的运行自动采用。";
    /// Nowhere to write to.
    NO_PLACE = "there is no home folder to keep the measured costs in; name a file with --write", "找不到存放测定结果的用户目录；请用 --write 指定文件";
    /// The file is not what was written.
    NOT_COSTS = "expected a table of convolution costs as `consilium bench --tune` writes it", "应为 `consilium bench --tune` 生成的卷积代价表";
    /// What to do.
    TUNE_AGAIN = "run `consilium bench --tune` again, or set CONSILIUM_COSTS=none to do without", "请重新运行 `consilium bench --tune`，或设置 CONSILIUM_COSTS=none 以忽略该表";
    /// First line of the file, without the number sign.
    FILE_HEAD = "Costs of convolutions on this machine, measured by `consilium bench --tune`.", "本机卷积代价，由 `consilium bench --tune` 测定。";
}

/// What was found.
pub fn found(isa: &str, speed: f64, layers: usize, changed: usize) -> Text {
    Text::filled(
        format!(
            "{isa}: {speed:.0} thousand million multiply-adds a second on one thread; of {layers} layers tried, {changed} now run by another algorithm"
        ),
        format!(
            "{isa}：单线程每秒 {speed:.0} 十亿次乘加；测试的 {layers} 个卷积层中有 {changed} 个改用其他算法"
        ),
    )
}

/// Where it went.
pub fn written(path: &dyn Display) -> Text {
    Text::filled(
        format!("written to {path}; used from now on (CONSILIUM_COSTS=none turns it off)"),
        format!("已写入 {path}，今后自动采用（设置 CONSILIUM_COSTS=none 可关闭）"),
    )
}

/// The file cannot be written or read.
pub fn no_file(error: &dyn Display) -> Text {
    Text::filled(format!("cannot be used: {error}"), format!("无法读写：{error}"))
}
