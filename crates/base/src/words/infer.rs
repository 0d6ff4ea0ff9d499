//! What `infer` says: arrays, imported graphs, profiles.

use crate::text::Text;
use std::fmt::Display;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $en:literal, $zh:literal;)*) => {
        $($(#[$doc])* pub static $name: Text = Text::fixed($en, $zh);)*
    };
}

texts! {
    /// Command.
    INFER = "Run one network on arrays, without preparation or interpretation: an ONNX file, or the\nnetwork of a model of the list. Reads and writes NPY files. With --repeat, prints the times of\nN runs that follow one warm-up; with --profile, what each operation cost.",
        "直接对数组运行一个网络，不作预处理与结果解释：可为 ONNX 文件，也可为模型列表中的模型。\n读写 NPY 文件。给出 --repeat 时，预热一次后运行 N 次并显示耗时；\n给出 --profile 时，显示各算子的耗时与内存。";
    /// Flag.
    FLAG_INPUT = "Input array; NAME=X.npy for a certain input,\nmay be repeated.", "输入数组；NAME=X.npy 表示指定的输入，\n可重复给出。";
    /// Flag.
    FLAG_PROFILE = "Print time, memory and GFLOP/s of each\noperation.", "显示各算子的耗时、内存与 GFLOP/s。";
    /// Flag.
    FLAG_OPS = "List the ONNX operations this build has.", "列出本程序支持的 ONNX 算子。";
    /// Heading of the table of operations.
    OPS_TITLE = "ONNX operations", "ONNX 算子";
    /// Heading of the profile by kind.
    BY_KIND = "operation          calls       ms      %   MiB out   GFLOP/s", "算子               次数       毫秒      %   输出MiB   GFLOP/s";
    /// Heading of the slowest nodes.
    BY_NODE = "slowest nodes                                          ms   MiB out   GFLOP/s", "最慢的节点                                             毫秒   输出MiB   GFLOP/s";
    /// What `inspect` says of an ONNX file.
    IS_GRAPH = "a network as an ONNX graph; `consilium infer` runs it", "ONNX 计算图；可用 `consilium infer` 运行";
    /// Label.
    PRODUCER = "written by", "生成程序";
    /// Label.
    OPSET = "operator set", "算子集版本";
    /// Label.
    NODES = "nodes", "节点数";
    /// Label.
    INPUTS = "inputs", "输入";
    /// Label.
    OUTPUTS = "outputs", "输出";
    /// Neither a graph nor a system.
    WHAT_TO_RUN = "name an ONNX file, or a model with --system", "请给出 ONNX 文件，或用 --system 指定模型";
    /// Both a graph and a system.
    ONE_OF_BOTH = "an ONNX file and --system were both given; give one", "同时给出了 ONNX 文件与 --system；请只给一个";
}

/// An array file that does not go with a type.
pub fn npy_type(descr: &str) -> Text {
    Text::filled(
        format!("arrays of type '{descr}' are not read; save as a float, an integer or bool"),
        format!("不支持数据类型“{descr}”；请保存为浮点、整数或布尔类型"),
    )
}

/// An array whose values do not fit the type the network wants.
pub fn npy_convert(name: &str, found: impl Display, wanted: impl Display) -> Text {
    Text::filled(
        format!("the input '{name}' wants {wanted}; {found} does not convert without loss"),
        format!("输入“{name}”需要 {wanted}；{found} 无法无损转换"),
    )
}

/// More arrays than inputs.
pub fn too_many_inputs(given: usize, ports: &str) -> Text {
    Text::filled(
        format!("{given} inputs given; the network takes: {ports}"),
        format!("给出了 {given} 个输入；网络需要：{ports}"),
    )
}

/// A second graph.
pub fn unexpected(argument: &str) -> Text {
    Text::filled(format!("'{argument}' is one too many"), format!("多余的参数“{argument}”"))
}

/// The graph file cannot be read.
pub fn graph_broken(detail: &str) -> Text {
    Text::filled(format!("the graph cannot be used: {detail}"), format!("计算图无法使用：{detail}"))
}

/// The graph asks for something this build does not have.
pub fn graph_unsupported(detail: &str) -> Text {
    Text::filled(
        format!("the graph asks for something that is not supported: {detail}"),
        format!("计算图含有不支持的内容：{detail}"),
    )
}

/// The graph does not run on these inputs.
pub fn graph_shape(detail: &str) -> Text {
    Text::filled(
        format!("the graph does not run on these inputs: {detail}"),
        format!("计算图无法在这些输入上运行：{detail}"),
    )
}

/// What `-v` says of the plan.
pub fn plan(nodes: usize, folded: usize, compiled: usize, pieces: usize, mib: u64) -> Text {
    let general = nodes - folded - compiled;
    Text::filled(
        format!(
            "{nodes} nodes: {folded} folded before the run, {compiled} compiled in {pieces} pieces, \
             {general} run one by one; the compiled ones hold {mib} MiB, weights included"
        ),
        format!(
            "共 {nodes} 个节点：{folded} 个在运行前折叠，{compiled} 个编译为 {pieces} 段，{general} 个逐个运行；编译部分占用内存 {mib} MiB（含权重）"
        ),
    )
}

/// A graph with stored integers.
pub fn quantized(pairs: usize, integer: usize) -> Text {
    let (en, zh) = match (pairs, integer) {
        (_, 0) => ("its layers are computed in float32 between them", "其间各层以 float32 计算"),
        (0, _) => ("computed with integer products", "以整数乘积计算"),
        _ => (
            "layers between quantise and dequantise nodes are computed in float32, the others with \
             integer products",
            "量化与反量化节点之间的层以 float32 计算，其余以整数乘积计算",
        ),
    };
    Text::filled(
        format!(
            "int8 graph: {pairs} quantise/dequantise nodes, {integer} integer operations; {en}"
        ),
        format!("int8 计算图：{pairs} 个量化/反量化节点，{integer} 个整数算子；{zh}"),
    )
}
