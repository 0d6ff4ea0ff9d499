//! What `doctor` says of a machine, and `bench` of the networks.

use crate::Text;
use std::fmt::Display;

texts! {
    static:
    /// Command.
    DOCTOR = "Say what this machine can run: cores, memory, instruction sets, devices, ten seconds of\nmeasuring how fast it is, and what is missing.",
        "检查本机：核数、内存、指令集、设备，约十秒测速，以及缺少什么。";
    /// Label.
    PROGRAM = "program", "程序";
    /// Label.
    PROCESSOR = "processor", "处理器";
    /// Label.
    CORES = "cores", "核数";
    /// Label.
    MEMORY = "memory", "内存";
    /// Label.
    INSTRUCTION_SET = "instruction set in use", "所用指令集";
    /// Label.
    INSTRUCTION_SETS = "instruction sets there are", "可用指令集";
    /// Label.
    GPUS = "GPUs", "GPU";
    /// Label.
    STORE = "store of weights", "权重库";
    /// Value.
    UNKNOWN = "unknown", "未知";
    /// Value.
    NONE = "none found", "未发现";
    /// Title.
    SPEED = "How fast (each measured for about two seconds)", "速度（各测约两秒）";
    /// Title.
    MISSING = "What is missing", "缺少的内容";
    /// Nothing is.
    NOTHING_MISSING = "nothing that this build could use", "没有本版本可用而缺少的内容";
    /// What was measured.
    ONE_CORE = "matrix product, one core", "矩阵乘法，单核";
    /// What was measured.
    ALL_CORES = "matrix product, all cores", "矩阵乘法，全部核心";
    /// What was measured.
    COPY = "memory, read and written", "内存读写";
    /// Missing.
    GPU_UNUSED = "the GPU is not used: this build computes on the processor", "GPU 未使用：本版本仅用 CPU 计算";
    /// Missing.
    SLOW_SET = "neither AVX2 nor AVX-512 nor NEON: the portable routines are several times slower", "没有 AVX2、AVX-512 或 NEON：通用例程要慢数倍";
    /// Missing.
    LITTLE_MEMORY = "less than 16 GB of memory: large volumes may not fit", "内存不足 16 GB：较大的体数据可能无法处理";

    // ---- bench ----
    /// Column.
    NETWORK = "network", "网络";
    /// Column.
    MEDIAN = "median, ms", "中位数，毫秒";
    /// Column.
    LEAST = "least, ms", "最小，毫秒";
    /// Column.
    LOADING = "loading, ms", "加载，毫秒";
    /// Column.
    PEAK = "peak memory, MiB", "内存峰值，MiB";
    /// What it stands on.
    MADE_UP = "Made-up weights and input; each in a process of its own, all threads. Networks of films: a run; systems for\nvolumes: a whole case of 96³ voxels of 2 mm, from the image to the label map; consilium-brain has its own weights and\nreads a made-up head of 176 × 224 × 192 mm.", "权重与输入均为生成；各自单独一个进程，使用全部线程。\n平片网络：单次运行；体数据系统：一例 96³ 体素（2 mm），从图像到标签图；\nconsilium-brain 使用自带权重，判读一例 176×224×192 mm 的模拟头部。";
}

/// Memory.
pub fn memory(total_gb: f32, free_gb: Option<f32>) -> Text {
    match free_gb {
        Some(free) => Text::filled(
            format!("{total_gb:.1} GB, {free:.1} GB free"),
            format!("{total_gb:.1} GB，可用 {free:.1} GB"),
        ),
        None => Text::same(format!("{total_gb:.1} GB")),
    }
}

/// The network used for the measurement.
pub fn network(name: &Text) -> Text {
    Text::filled(
        format!("{}, a film, all cores", name.en()),
        format!("{}，每张，全部核心", name.zh()),
    )
}

/// Weights in the store.
pub fn no_weights(without: usize, all: usize) -> Text {
    Text::filled(
        format!(
            "weights of {without} of this build's {all} systems are not in the store: see `consilium weights list`"
        ),
        format!(
            "本版本 {all} 个系统中有 {without} 个的权重不在权重库中：见 `consilium weights list`"
        ),
    )
}

/// A measurement that failed.
pub fn failed(id: &str, error: &dyn Display) -> Text {
    Text::filled(format!("{id} could not be measured: {error}"), format!("无法测量 {id}：{error}"))
}
