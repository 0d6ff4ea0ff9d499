//! What `bench` says.

use crate::Text;
use std::fmt::Display;

texts! {
    static:
    /// Command.
    BENCH = "Time and peak memory of this build's networks on made-up weights, or of those named.\n`bench peers` times this program beside ONNX Runtime, OpenVINO and PyTorch, in turn: it needs the\nsource tree and Python; the peers (several GB) are installed beside it first.",
        "以生成的权重测量本版本（或指定）网络的耗时与内存峰值。\n`bench peers` 依次对比本程序与 ONNX Runtime、OpenVINO、PyTorch 的速度：\n需要源代码目录和 Python；首次运行时自动在其中安装对比软件（数 GB）。";
    /// Flag.
    FLAG_TOOLS = "Folder that holds peers.py (default: tools/bench\nhere or in a folder above).", "peers.py 所在目录\n（默认：当前或上级目录中的 tools/bench）。";
    /// Flag.
    FLAG_PYTHON = "Python interpreter (default: python3).", "Python 解释器（默认：python3）。";
    /// Flag.
    FLAG_BATCH = "Images a run (default 1).", "每次运行的图像数（默认 1）。";
    /// Flag.
    FLAG_WRITE = "Write the measurements into this file, too: JSON;\nof peers the table, such as BENCHMARKS.md.", "同时把结果写入该文件：JSON；\npeers 则写入结果表，如 BENCHMARKS.md。";
    /// Flag.
    FLAG_MODEL = "Networks and systems to measure, or folders of\ntrained models (default: all of this build).", "要测量的网络、系统，或已训练模型的文件夹\n（默认：本版本全部）。";
    /// Flag.
    FLAG_REPEAT = "Timed runs each (default 5; of volumes 1).", "每项的计时次数（默认 5；体数据 1）。";
    /// Wrong use.
    WHICH = "bench what? `consilium bench [--model ID,…]`, `bench peers` and `bench --tune` are there", "请指明测量内容：可用 `consilium bench [--model ID,…]`、`bench peers` 或 `bench --tune`";
    /// The script said itself why.
    SCRIPT_FAILED = "the measurement failed; the lines above say why", "测速失败，原因见上";
}

/// One of several is measured now.
pub fn now(number: usize, all: usize, id: &str) -> Text {
    Text::filled(format!("{number} of {all}: {id}"), format!("{number}/{all}：{id}"))
}

/// What one came to.
pub fn took(seconds: f64, peak_mib: Option<f64>) -> Text {
    let peak = |unit: &str| peak_mib.map_or(String::new(), |mib| format!(", {mib:.0} {unit}"));
    Text::filled(
        format!("  {seconds:.3} s{}", peak("MiB")),
        format!("  {seconds:.3} 秒{}", peak("MiB").replace(", ", "，")),
    )
}

/// Systems that use another's networks.
pub fn without(ids: &str) -> Text {
    Text::filled(
        format!("not measured, because the networks are another system's: {ids}"),
        format!("未测量（使用其他系统的网络）：{ids}"),
    )
}

/// The script is part of the source tree.
pub fn no_script(path: &str) -> Text {
    Text::filled(
        format!(
            "{path} is neither here nor in a folder above; run this in the source tree or name the folder with --tools"
        ),
        format!("当前及上级目录中没有 {path}；请在源代码目录内运行，或用 --tools 指明其所在目录"),
    )
}

/// The program does not find itself.
pub fn no_program(error: &dyn Display) -> Text {
    Text::filled(
        format!("the program's own file cannot be found: {error}"),
        format!("无法确定本程序文件的位置：{error}"),
    )
}

/// No interpreter, or it does not start.
pub fn no_python(error: &dyn Display) -> Text {
    Text::filled(
        format!("Python does not start: {error}; name an interpreter with --python"),
        format!("无法启动 Python：{error}；请用 --python 指定解释器"),
    )
}
