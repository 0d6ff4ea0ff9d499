//! What is said of the store of weights, of downloads and of files brought on a stick.

use crate::Text;
use std::fmt::Display;

/// Where a file in the store came from, when it was brought by hand: for the record, not for show.
pub const IMPORTED: &str = "imported";

texts! {
    static:
    /// Command.
    WEIGHTS = "The store of weights: list what can be had, pull it (resumed, checked, mirrors in order),\nimport files brought on a stick, verify, remove, and where it lies. `read` finds a model's weights\nthere by itself.",
        "权重库：list 列出可获取的文件，pull 下载（断点续传、校验、依次尝试镜像），\nimport 导入离线拷贝的文件，verify 校验，remove 删除，where 显示位置。\n`read` 会自动使用其中的权重。";
    /// Flag.
    FLAG_STORE = "The store's folder (default: CONSILIUM_STORE, else\nthe user's data folder).", "权重库目录（默认：CONSILIUM_STORE，\n否则为用户数据目录）。";
    /// Flag.
    FLAG_MIRROR = "Mirrors, tried in order: an address to put before\nthe file's own, or HOST=ADDRESS to stand for a host\n(default: CONSILIUM_MIRROR).", "镜像，依次尝试：置于原地址之前的前缀，\n或 HOST=ADDRESS 替换某主机（默认：CONSILIUM_MIRROR）。";
    /// Flag.
    FLAG_MIRROR_ONLY = "Do not try the file's own address.", "不尝试原地址。";
    /// Flag.
    FLAG_TOKEN_FILE = "File with a token for gated hubs (default: the\nvariables CONSILIUM_TOKEN, HF_TOKEN).", "存有访问令牌的文件，用于需登录的平台\n（默认：变量 CONSILIUM_TOKEN、HF_TOKEN）。";
    /// Flag.
    FLAG_TIMEOUT = "Give a silent connection up after so many seconds\n(default 60).", "连接无响应多少秒后放弃（默认 60）。";
    /// Flag.
    FLAG_ACCEPT = "Agree to the licence of the weights; recorded.", "同意权重许可条款（将予记录）。";
    /// Flag.
    FLAG_FILE = "Only this file of the system.", "仅该系统的这一个文件。";
    /// Flag.
    FLAG_AS = "The system that imported files belong to.", "所导入文件所属的系统。";
    /// Column.
    ID = "id", "标识";
    /// Column.
    FILE = "file", "文件";
    /// Column.
    STATE = "store", "权重库";
    /// Column.
    LICENCE = "licence", "许可";
    /// Column.
    GATE = "before the download", "下载前提";
    /// State.
    HERE = "there", "已有";
    /// State.
    SOUND = "sound", "完好";
    /// Hint.
    NAME_IT = "say which system it is with --as ID; `consilium weights list` shows them", "请用 --as ID 指明所属系统；`consilium weights list` 可查看";
}

/// The folder.
pub fn store_at(path: &str) -> Text {
    Text::filled(format!("store: {path}"), format!("权重库：{path}"))
}

/// No home folder.
pub fn nowhere(variable: &str) -> Text {
    Text::filled(
        format!("no place for the store: give one with --store or the variable {variable}"),
        format!("无法确定权重库位置：请用 --store 或变量 {variable} 指定"),
    )
}

/// Reading failed.
pub fn cannot_read(error: &dyn Display) -> Text {
    Text::filled(format!("cannot read: {error}"), format!("无法读取：{error}"))
}

/// Writing failed.
pub fn cannot_write(error: &dyn Display) -> Text {
    Text::filled(format!("cannot write: {error}"), format!("无法写入：{error}"))
}

/// A full or read-only disk.
pub fn another_store(variable: &str) -> Text {
    Text::filled(
        format!(
            "what was in the store is untouched; free some space, or choose another place with --store or {variable}"
        ),
        format!("权重库原有内容未受影响；请释放磁盘空间，或用 --store 或 {variable} 指定其他位置"),
    )
}

/// Not the published file.
pub fn wrong_size(expected: u64, found: u64) -> Text {
    Text::filled(
        format!("not the published file: expected {expected} bytes, there are {found}"),
        format!("与发布的文件不符：应为 {expected} 字节，实际为 {found} 字节"),
    )
}

/// Not the published file.
pub fn wrong_hash(expected: &str, found: &str) -> Text {
    Text::filled(
        format!("not the published file: expected hash {expected}, found {found}"),
        format!("与发布的文件不符：校验值应为 {expected}，实际为 {found}"),
    )
}

/// A spoilt file in the store.
pub fn remove_and_pull(id: &str) -> Text {
    let line = format!("consilium weights remove {id} && consilium weights pull {id}");
    Text::filled(format!("fetch it anew: `{line}`"), format!("请重新获取：`{line}`"))
}

/// Neither mirrors nor the address itself.
pub fn no_address() -> Text {
    Text::fixed(
        "no address is left to try: no mirror stands for this file's host",
        "没有可尝试的地址：没有镜像对应该文件的主机",
    )
}

/// No connection.
pub fn unreachable(host: &str, error: &dyn Display) -> Text {
    Text::filled(format!("{host} cannot be reached: {error}"), format!("无法连接 {host}：{error}"))
}

/// The way without a network.
pub fn by_hand(file: &str, url: &str, id: &str, store: &str) -> Text {
    Text::filled(
        format!(
            "without a network: fetch \"{file}\" from {url} on another computer, bring it here and run `consilium weights import FILE --as {id}`; it goes into {store}"
        ),
        format!(
            "无网络时：请在其他电脑上从 {url} 下载“{file}”，拷贝到本机后运行 `consilium weights import FILE --as {id}`，文件将存入 {store}"
        ),
    )
}

/// The same for a repository.
pub fn repository_by_hand(url: &str, id: &str) -> Text {
    Text::filled(
        format!(
            "without a network: fetch the files of {url} on another computer, bring the folder here and run `consilium weights import FOLDER/FILE --as {id}` for each"
        ),
        format!(
            "无网络时：请在其他电脑上下载 {url} 的文件，拷贝到本机后对每个文件运行 `consilium weights import FOLDER/FILE --as {id}`"
        ),
    )
}

/// A connection that ended too early.
pub fn cut_off(have: u64, total: Option<u64>) -> Text {
    match total {
        Some(total) => Text::filled(
            format!(
                "the connection ended after {have} of {total} bytes; the next pull goes on there"
            ),
            format!("连接在 {have}/{total} 字节处中断，再次 pull 将续传"),
        ),
        None => Text::filled(
            format!("what lies there does not go with the {have} bytes that are here"),
            format!("服务器上的文件与本机已有的 {have} 字节不一致"),
        ),
    }
}

/// A connection that broke.
pub fn broke_off(have: u64, total: Option<u64>, error: &dyn Display) -> Text {
    let total = total.map_or(String::new(), |total| format!("/{total}"));
    Text::filled(
        format!(
            "the connection broke after {have}{total} bytes ({error}); the next pull goes on there"
        ),
        format!("连接在 {have}{total} 字节处中断（{error}），再次 pull 将续传"),
    )
}

/// 401 or 403.
pub fn not_allowed(host: &str, status: u16) -> Text {
    Text::filled(
        format!("{host} does not let us in ({status})"),
        format!("{host} 拒绝访问（{status}）"),
    )
}

/// What to do about it.
pub fn token_needed(host: &str, url: &str, gated: bool) -> Text {
    let (en, zh) = if gated {
        (
            format!("sign in at {url}, agree to the terms, then "),
            format!("请登录 {url} 并同意条款，然后"),
        )
    } else {
        (String::new(), String::new())
    };
    Text::filled(
        format!("{en}give a token of {host} with --token-file FILE or CONSILIUM_TOKEN"),
        format!("{zh}用 --token-file FILE 或 CONSILIUM_TOKEN 提供 {host} 的访问令牌"),
    )
}

/// 404.
pub fn not_there(url: &str) -> Text {
    Text::filled(format!("there is no such file: {url}"), format!("文件不存在：{url}"))
}

/// 429 and 5xx.
pub fn busy(host: &str, status: u16) -> Text {
    Text::filled(
        format!("{host} is busy or broken ({status})"),
        format!("{host} 繁忙或出错（{status}）"),
    )
}

/// Another answer.
pub fn status(host: &str, status: u16) -> Text {
    Text::filled(
        format!("{host} answered with status {status}"),
        format!("{host} 返回状态码 {status}"),
    )
}

/// A login or warning page.
pub fn page_instead(url: &str) -> Text {
    Text::filled(
        format!(
            "{url} answers with a page for people, not with the file: a login, a quota or a proxy stands before it"
        ),
        format!("{url} 返回的是网页而非文件：可能需要登录、超出下载限额或被代理拦截"),
    )
}

/// A shared folder.
pub fn folder_of_drive() -> Text {
    Text::fixed(
        "this is published as a folder of Google Drive, which only a browser can open",
        "该文件以 Google Drive 文件夹形式发布，只能用浏览器打开",
    )
}

/// Weights that their makers hand out.
pub fn for_licence_holders() -> Text {
    Text::fixed(
        "these weights are handed out by their makers to holders of a licence, free for non-commercial use",
        "该权重仅由作者向持有许可者发放（非商业用途免费）",
    )
}

/// Something was chosen of a system that has no choices.
pub fn no_choices(id: &str) -> Text {
    Text::filled(
        format!(
            "{id} has no choices: its name stands alone; `consilium models show {id}` says what it is"
        ),
        format!("{id} 无可选项，请只写名称；详见 `consilium models show {id}`"),
    )
}

/// A mirror that is none.
pub fn no_mirror(text: &str) -> Text {
    Text::filled(
        format!("'{text}' is no mirror: give https://… or HOST=https://…"),
        format!("“{text}”不是镜像：应为 https://… 或 HOST=https://…"),
    )
}

/// A file without a token.
pub fn no_token() -> Text {
    Text::fixed(
        "the file holds no token: one word in one line",
        "文件中没有令牌：应为单独一行的一个字串",
    )
}

/// Nothing to fetch.
pub fn nothing_to_pull(ids: &str) -> Text {
    Text::filled(
        format!(
            "no files are published for {ids}; `consilium models show` says how it is to be had"
        ),
        format!("{ids} 没有已发布的文件；获取方式见 `consilium models show`"),
    )
}

/// A licence that wants to be agreed to.
pub fn agree(id: &str, licence: &Text, note: Option<&Text>) -> Text {
    let (en, zh) = notes(note);
    Text::filled(
        format!("the weights of {id} are under these terms: {}{en}", licence.en()),
        format!("{id} 的权重适用以下条款：{}{zh}", licence.zh()),
    )
}

/// How.
pub fn how_to_agree(id: &str) -> Text {
    Text::filled(
        format!("read them; if you agree: consilium weights pull {id} --accept"),
        format!("请阅读条款；如同意：consilium weights pull {id} --accept"),
    )
}

/// A licence as shown.
pub fn licence_of(id: &str, licence: &Text, note: Option<&Text>) -> Text {
    let (en, zh) = notes(note);
    Text::filled(
        format!("{id}: licence of the weights: {}{en}", licence.en()),
        format!("{id}：权重许可：{}{zh}", licence.zh()),
    )
}

fn notes(note: Option<&Text>) -> (String, String) {
    note.map_or((String::new(), String::new()), |note| {
        (format!(". {}", note.en()), format!("。{}", note.zh()))
    })
}

/// A file that is in the store now.
pub fn kept(id: &str, name: &str, bytes: u64, sha256: &str, verified: bool) -> Text {
    let mb = bytes as f64 / 1e6;
    let (en, zh) = if verified {
        ("as published", "与发布的校验值一致")
    } else {
        ("no hash was published to hold it against", "发布方未提供校验值，无法核对")
    };
    Text::filled(
        format!("{id}: {name}, {mb:.1} MB, SHA-256 {sha256} ({en})"),
        format!("{id}：{name}，{mb:.1} MB，SHA-256 {sha256}（{zh}）"),
    )
}

/// Files of a folder that are not known.
pub fn passed_over(count: usize) -> Text {
    Text::filled(format!("other files passed over: {count}"), format!("已略过 {count} 个其他文件"))
}

/// Nothing in a folder.
pub fn none_recognised() -> Text {
    Text::fixed(
        "no file in the folder is known, neither by hash nor by name nor by its tensors",
        "文件夹中没有可识别的文件（按校验值、文件名及张量均不符）",
    )
}

/// An unknown file.
pub fn not_recognised() -> Text {
    Text::fixed(
        "the file is not known, neither by hash nor by name nor by its tensors",
        "无法识别该文件（按校验值、文件名及张量均不符）",
    )
}

/// More than one.
pub fn fits_several(ids: &str) -> Text {
    Text::filled(
        format!("the file may belong to several systems: {ids}"),
        format!("该文件可能属于多个系统：{ids}"),
    )
}

/// Not in the store.
pub fn not_in_store(ids: &str) -> Text {
    Text::filled(format!("the store holds nothing of {ids}"), format!("权重库中没有 {ids} 的文件"))
}

/// How many are sound.
pub fn verified(all: usize, wrong: usize) -> Text {
    Text::filled(
        format!("{} of {all} files are as they were kept", all - wrong),
        format!("{all} 个文件中 {} 个完好", all - wrong),
    )
}

/// What became free.
pub fn removed(count: usize, bytes: u64) -> Text {
    let mb = bytes as f64 / 1e6;
    Text::filled(
        format!("files removed: {count}; {mb:.1} MB freed"),
        format!("已删除 {count} 个文件，释放 {mb:.1} MB"),
    )
}
