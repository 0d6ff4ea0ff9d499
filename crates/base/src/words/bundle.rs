//! What the reader of MONAI bundles says.

use crate::text::Text;

/// Neither a bundle's folder nor a zip of one.
pub const NO_BUNDLE: Text = Text::fixed(
    "expected a MONAI bundle: a folder or zip with configs/metadata.json, configs/inference.json and models/model.pt",
    "此处应为 MONAI bundle：含 configs/metadata.json、configs/inference.json 和 models/model.pt 的文件夹或 zip 文件",
);

/// No configuration.
pub const NO_INFERENCE: Text = Text::fixed(
    "the bundle has no configs/inference.json and no configs/inference.yaml",
    "该 bundle 缺少 configs/inference.json 或 configs/inference.yaml",
);

/// Nothing decides on labels.
pub const NO_LABELS: Text = Text::fixed(
    "nothing in the bundle's postprocessing makes labels of the network's answer (AsDiscrete with argmax or threshold; for VISTA3D VistaPostTransform)",
    "该 bundle 的后处理未将网络输出转换为标签（应有带 argmax 或 threshold 的 AsDiscrete；VISTA3D 为 VistaPostTransform）",
);

/// An image without foreground.
pub const NO_FOREGROUND: Text = Text::fixed(
    "the image has no foreground that the bundle could be shown",
    "图像中没有可供该 bundle 处理的前景",
);

/// An empty answer.
pub const NOTHING: Text =
    Text::fixed("the model found none of its structures", "模型未找到任何目标结构");

/// Several bundles; which are there.
pub fn which_bundle(names: &str) -> Text {
    Text::filled(
        format!("several bundles: {names}; name the folder of one of them"),
        format!("含有多个 bundle：{names}；请指定其中一个的文件夹"),
    )
}

/// The weights are not there.
pub fn no_weights(file: &str) -> Text {
    Text::filled(
        format!("the bundle's weights are missing: {file}, as its configuration names them"),
        format!("缺少该 bundle 的权重：{file}（按其配置）"),
    )
}

/// A network that is not built.
pub fn network_unknown(name: &str) -> Text {
    Text::filled(
        format!(
            "the bundle needs the network `{name}`, which this build lacks (there are UNet, SegResNet, DynUNet, SwinUNETR, VISTA3D, RetinaNet on a ResNet50, 101 or 152)"
        ),
        format!(
            "该 bundle 需要网络 `{name}`，本版本没有（现有 UNet、SegResNet、DynUNet、SwinUNETR、VISTA3D，以及基于 ResNet50、101 或 152 的 RetinaNet）"
        ),
    )
}

/// A network for pictures.
pub fn volumes_only(name: &str) -> Text {
    Text::filled(
        format!("the bundle's {name} is not for volumes: `spatial_dims` should be 3"),
        format!("该 bundle 的 {name} 不用于体数据：`spatial_dims` 应为 3"),
    )
}

/// A transform that is not there.
pub fn transform_unknown(name: &str) -> Text {
    Text::filled(
        format!("the bundle needs the transform `{name}`, which this build lacks"),
        format!("该 bundle 需要变换 `{name}`，本版本没有"),
    )
}

/// An inferer that is not there.
pub fn inferer_unknown(name: &str) -> Text {
    Text::filled(
        format!("the bundle needs the inferer `{name}`, which this build lacks"),
        format!("该 bundle 需要推理方式 `{name}`，本版本没有"),
    )
}

/// An argument that is not known, or missing.
pub fn argument(of: &str, key: &str, value: &str) -> Text {
    match value.is_empty() {
        true => Text::filled(
            format!("`{of}` needs the argument `{key}`"),
            format!("`{of}` 缺少参数 `{key}`"),
        ),
        false => Text::filled(
            format!("the bundle needs `{of}` with `{key}` = {value}, which this build lacks"),
            format!("该 bundle 需要 `{of}` 的参数 `{key}` = {value}，本版本不支持"),
        ),
    }
}

/// Channels that are no alternatives.
pub fn too_many_overlapping(channels: usize, most: usize) -> Text {
    Text::filled(
        format!(
            "{channels} output channels that may overlap; at most {most} fit into one label map"
        ),
        format!("{channels} 个可能重叠的输出通道；一张标签图最多容纳 {most} 个"),
    )
}

/// A tile that the network cannot halve.
pub fn tile(tile: [usize; 3], divisors: [usize; 3]) -> Text {
    let by = |x: [usize; 3]| format!("{} × {} × {}", x[0], x[1], x[2]);
    let (tile, divisors) = (by(tile), by(divisors));
    Text::filled(
        format!("the network takes tiles whose extents are multiples of {divisors}, not {tile}"),
        format!("网络要求图块尺寸为 {divisors} 的整数倍，而不是 {tile}"),
    )
}

/// An image too small to be mirrored around its border.
pub fn too_small(size: [usize; 3], tile: [usize; 3]) -> Text {
    let by = |x: [usize; 3]| format!("{} × {} × {}", x[0], x[1], x[2]);
    let (size, tile) = (by(size), by(tile));
    Text::filled(
        format!("{size} voxels are too few to be mirrored to a tile of {tile}"),
        format!("{size} 个体素过少，无法镜像填充到 {tile} 的图块"),
    )
}

/// More voxels than are handled.
pub fn too_large(size: [usize; 3]) -> Text {
    let by = format!("{} × {} × {}", size[0], size[1], size[2]);
    Text::filled(
        format!("at the bundle's spacing the case has {by} voxels; is its own spacing right?"),
        format!("按该 bundle 的体素间距，病例将有 {by} 个体素；请核对图像自身的间距"),
    )
}

/// A YAML file that cannot be read.
pub fn yaml(why: &str) -> Text {
    Text::filled(format!("no sound YAML: {why}"), format!("YAML 无效：{why}"))
}

/// Points instead of classes.
pub const POINTS: Text = Text::fixed(
    "the bundle's input asks for `points`: this build asks its network for classes only, not for what was clicked",
    "该 bundle 的输入使用点提示 `points`：本版本仅支持类别提示，不支持点击提示",
);

/// A class that only points find.
pub fn by_points(class: u16, name: &str) -> Text {
    let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
    Text::filled(
        format!(
            "the model finds class {class}{name} by points only, which this build does not give it"
        ),
        format!("类别 {class}{name} 仅能以点提示分割，本版本不支持点提示"),
    )
}

/// A class that the bundle does not know, and what was probably meant.
pub fn no_class(name: &str, last: u16, near: Option<&str>) -> Text {
    let (en, zh) = near.map_or_else(Default::default, |near| {
        (format!("; '{near}' was meant?"), format!("；是否指“{near}”？"))
    });
    Text::filled(
        format!(
            "the bundle has no class '{name}': a number from 1 to {last} or a name of its metadata{en}"
        ),
        format!("该 bundle 没有类别“{name}”：应为 1～{last} 的编号或其 metadata 中的名称{zh}"),
    )
}

/// Classes asked of a model that has nothing to choose.
pub fn no_prompts(asked: &str) -> Text {
    Text::filled(
        format!("the model takes no prompts; '{asked}' was asked for behind its folder"),
        format!("该模型不接受类别提示；文件夹后指定了“{asked}”"),
    )
}

/// Extents that a network cannot halve.
pub fn divisors(given: [usize; 3], least: [usize; 3]) -> Text {
    let by = |x: [usize; 3]| format!("{} × {} × {}", x[0], x[1], x[2]);
    let (given, least) = (by(given), by(least));
    Text::filled(
        format!(
            "the bundle fills images up to multiples of {given}; its network needs multiples of {least}"
        ),
        format!("该 bundle 将图像补齐至 {given} 的整数倍；其网络要求为 {least} 的整数倍"),
    )
}

/// What a detector's classes are called where the bundle does not say.
pub fn finding(number: usize) -> Text {
    Text::filled(format!("Finding {number}"), format!("病灶 {number}"))
}

/// The label map's structure: the boxes around what was found.
pub fn boxes_around(name: &Text) -> Text {
    Text::filled(format!("{} (box)", name.en()), format!("{}（检出框）", name.zh()))
}
