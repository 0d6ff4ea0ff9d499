//! What the reader of nnU-Net models says: what is wrong with a model folder, what does not fit a
//! case, what was done beside the segmentation.

use crate::text::Text;

/// Neither a model folder nor a zip of one.
pub const NO_MODEL: Text = Text::fixed(
    "expected the results folder of a trained nnU-Net (plans.json, dataset.json, fold_0 …), the \
     folder above it, or the zip that nnU-Net exports",
    "此处应为训练完成的 nnU-Net 结果文件夹（含 plans.json、dataset.json、fold_0 等）、其上级文件夹，\
     或 nnU-Net 导出的 zip 文件",
);

/// Several models; which are there.
pub fn which_model(names: &str) -> Text {
    Text::filled(
        format!("several trained models: {names}"),
        format!("含有多个训练完成的模型：{names}"),
    )
}

/// What to do about [`which_model`].
pub const NAME_ONE: Text =
    Text::fixed("name the folder of one of them", "请指定其中一个模型的文件夹");

/// An entry of a JSON file is not there.
pub fn missing(field: &str) -> Text {
    Text::filled(format!("the entry `{field}` is missing"), format!("缺少条目 `{field}`"))
}

/// An entry of a JSON file is of the wrong form.
pub fn wrong(field: &str, expected: &Text) -> Text {
    Text::filled(
        format!("`{field}` should be {}", expected.en()),
        format!("`{field}` 应为{}", expected.zh()),
    )
}

/// Form of an entry.
pub const A_TEXT: Text = Text::fixed("a text", "文本");
/// Form of an entry.
pub const A_TABLE: Text = Text::fixed("a table", "键值表");
/// Form of an entry.
pub const A_LIST: Text = Text::fixed("a list", "列表");
/// Form of an entry.
pub const A_NUMBER: Text = Text::fixed("a finite number", "有限数值");
/// Form of an entry.
pub const POSITIVE: Text = Text::fixed("a number above zero", "正数");
/// Form of an entry.
pub const A_COUNT: Text = Text::fixed("a whole number from 1 to 65535", "1 至 65535 的整数");
/// Form of an entry.
pub const A_LABEL: Text = Text::fixed(
    "a label from 0 to 65535, or a list of such labels",
    "0 至 65535 的标签值，或此类标签值的列表",
);
/// Form of an entry.
pub const YES_OR_NO: Text = Text::fixed("true or false", "true 或 false");
/// Form of an entry.
pub const AXES: Text = Text::fixed("the numbers 0, 1, 2 in some order", "0、1、2 的某种排列");

/// Form of an entry: a list of so many.
pub fn list_of(count: usize) -> Text {
    Text::filled(format!("a list of {count}"), format!("含 {count} 项的列表"))
}

/// Form of an entry: a number, or a list of so many, at most.
pub fn at_most(most: usize) -> Text {
    Text::filled(format!("at most {most}"), format!("至多 {most}"))
}

/// Form of an entry: extents that strides divide.
pub fn multiples_of(divisors: &str) -> Text {
    Text::filled(
        format!("multiples of {divisors}, by which the network's strides divide"),
        format!("{divisors} 的整数倍（网络各级步长的乘积）"),
    )
}

/// The planned layers do not fit each other.
pub fn unsound_network(detail: &str) -> Text {
    Text::filled(
        format!("the planned network's layers do not fit together: {detail}"),
        format!("配置中的网络各层不匹配：{detail}"),
    )
}

/// The checkpoint is much smaller than the planned network.
pub fn too_few_values(planned: u64, there: u64) -> Text {
    Text::filled(
        format!(
            "the weights do not fit the plans: a network of at least {planned} values is planned, \
             {there} are there"
        ),
        format!("权重与配置不符：配置的网络至少有 {planned} 个参数值，文件中只有 {there} 个"),
    )
}

/// Form of an entry: one of several words.
pub fn one_of(words: &str) -> Text {
    Text::filled(format!("one of {words}"), format!("以下之一：{words}"))
}

/// No JSON.
pub fn json(detail: &str) -> Text {
    Text::filled(format!("cannot be read: {detail}"), format!("无法读取：{detail}"))
}

/// A file beyond its limit.
pub fn too_large(bytes: u64) -> Text {
    Text::filled(
        format!("larger than the {bytes} bytes that are read"),
        format!("超过可读取的上限（{bytes} 字节）"),
    )
}

/// A file that cannot be read.
pub fn unreadable(detail: &str) -> Text {
    Text::filled(format!("cannot be read: {detail}"), format!("无法读取：{detail}"))
}

/// A configuration is not in the plans.
pub fn no_configuration(name: &str, there: &str) -> Text {
    Text::filled(
        format!("there is no configuration `{name}`; there are: {there}"),
        format!("没有名为 `{name}` 的配置；现有配置：{there}"),
    )
}

/// Configurations inherit from each other in a circle.
pub fn circular(name: &str) -> Text {
    Text::filled(
        format!("configuration `{name}` inherits from itself"),
        format!("配置 `{name}` 循环继承自身"),
    )
}

/// Something that plans may name and that is not built.
pub fn not_built(field: &str, name: &str) -> Text {
    Text::filled(
        format!("`{field}` names `{name}`, which this program does not have"),
        format!("`{field}` 指定了 `{name}`，本程序尚不支持"),
    )
}

/// No fold with a checkpoint.
pub const NO_FOLD: Text = Text::fixed(
    "no fold with a checkpoint (fold_0/checkpoint_final.pth or checkpoint_best.pth)",
    "未找到含权重文件的折（fold_0/checkpoint_final.pth 或 checkpoint_best.pth）",
);

/// A fold that was asked for is not there.
pub fn fold_absent(fold: &str) -> Text {
    Text::filled(format!("there is no fold `{fold}`"), format!("没有折 `{fold}`"))
}

/// A cascade's first stage is not beside it.
pub fn no_previous(stage: &str) -> Text {
    Text::filled(
        format!(
            "this is the second stage of a cascade; its first stage `{stage}` is not beside it"
        ),
        format!("该模型是级联的第二阶段；同级目录中未找到第一阶段 `{stage}`"),
    )
}

/// What to do about [`no_previous`].
pub const PUT_BESIDE: Text = Text::fixed(
    "put the folder of the first stage beside this one, as nnU-Net's results folder has it",
    "请将第一阶段的文件夹放在同级目录，与 nnU-Net 结果目录的结构一致",
);

/// The case has another number of channels than the model.
pub fn channels(wanted: usize, names: &str, got: usize) -> Text {
    Text::filled(
        format!("the model takes {wanted} image(s) ({names}), {got} given"),
        format!("模型需要 {wanted} 个图像通道（{names}），实际给出 {got} 个"),
    )
}

/// The channels of a case lie on different grids.
pub const GRIDS_DIFFER: Text =
    Text::fixed("the images of one case have different sizes", "同一病例的各图像尺寸不一致");

/// A grid that cannot be resampled.
pub const BAD_SPACING: Text = Text::fixed(
    "the voxel spacing is not a positive number along every axis",
    "体素间距须在每个方向上均为正数",
);

/// Voxels that are no numbers.
pub fn not_numbers(count: usize) -> Text {
    Text::filled(
        format!("{count} voxels are no finite numbers; they were read as 0"),
        format!("{count} 个体素不是有限数值，已按 0 处理"),
    )
}

/// An RGB model got something else.
pub const NOT_RGB: Text = Text::fixed(
    "the model takes 8-bit colour values (0 to 255); the image has others",
    "模型需要 0 至 255 的 8 位颜色值，该图像的取值超出此范围",
);

/// The prepared case would be too large.
pub fn too_many_voxels(voxels: u64) -> Text {
    Text::filled(
        format!("at the model's voxel spacing the case would have {voxels} voxels"),
        format!("按模型要求的体素间距，该病例将包含 {voxels} 个体素"),
    )
}

/// More memory than allowed.
pub fn memory(need_mib: u64, limit_mib: u64) -> Text {
    Text::filled(
        format!("the run would need {need_mib} MiB, the limit is {limit_mib} MiB"),
        format!("运行需要约 {need_mib} MiB 内存，超过上限 {limit_mib} MiB"),
    )
}

/// Postprocessing was carried out.
pub fn postprocessed(labels: &str) -> Text {
    Text::filled(
        format!(
            "as the model's postprocessing says, only the largest component was kept: {labels}"
        ),
        format!("已按模型附带的后处理规则仅保留最大连通域：{labels}"),
    )
}

/// Something in a postprocessing file that is not known.
pub fn postprocessing_unknown(name: &str) -> Text {
    Text::filled(
        format!("the model's postprocessing names `{name}`, which was not applied"),
        format!("模型的后处理规则包含 `{name}`，未予执行"),
    )
}

/// A model of the format before 2.0.
pub const VERSION_ONE: Text = Text::fixed(
    "a model of nnU-Net 1; read by its own rules",
    "该模型来自 nnU-Net 1，已按其自身规则处理",
);
