//! The engine's errors in the user's words.

use crate::card::Card;
use crate::volume_system::VolumeCard;
use base::words::zoo as words;
use base::{Error, Kind};
use engine::ErrorKind;

/// An engine error that has nothing to do with a particular model.
pub fn translate(error: engine::Error) -> Error {
    translate_as("the model", error)
}

fn translate_as(model: &str, error: engine::Error) -> Error {
    let detail = inner(&error);
    let (kind, text) = match error.kind() {
        ErrorKind::Io => (Kind::Io, words::engine_io(&detail)),
        ErrorKind::BrokenFile => (Kind::BrokenInput, words::weights_broken(&detail)),
        ErrorKind::Unsupported => (Kind::Unsupported, words::weights_unsupported(&detail)),
        ErrorKind::Limit => (Kind::Limit, words::engine_limit(&detail)),
        ErrorKind::WeightsMismatch => (Kind::BrokenInput, words::weights_mismatch(model, &detail)),
        _ => (Kind::Bug, words::engine_bug(&detail)),
    };
    at(Error::new(kind, text), &error)
}

/// An engine error while a model's weights were opened: says which file was expected and where
/// it is published.
pub(crate) fn translate_for(card: &Card<'_>, error: engine::Error) -> Error {
    if card.weights.file_names.is_empty() {
        return translate_as(card.id, error);
    }
    let hint = words::weights_hint(
        card.weights.file_names.first().copied().unwrap_or_default(),
        card.weights.url,
    );
    match error.kind() {
        ErrorKind::WeightsMismatch => {
            let text = words::weights_mismatch(card.id, &inner(&error));
            at(Error::new(Kind::BrokenInput, text), &error).hint(hint)
        }
        ErrorKind::Io | ErrorKind::BrokenFile | ErrorKind::Unsupported => {
            translate(error).hint(hint)
        }
        _ => translate(error),
    }
}

/// The same for a system for volumes.
pub(crate) fn translate_volume(card: &VolumeCard, error: engine::Error) -> Error {
    let hint = card.weights.first().map(|file| words::weights_hint(file.name, file.url));
    let translated = translate_as(card.id, error);
    match hint {
        Some(hint) => translated.hint(hint),
        None => translated,
    }
}

/// The message without the file, which `base::Error` carries by itself, and without the engine's
/// own opening of a list of tensors.
fn inner(error: &engine::Error) -> String {
    let message = error.message();
    message.strip_prefix("the weights do not fit the network: ").unwrap_or(message).to_owned()
}

fn at(translated: Error, error: &engine::Error) -> Error {
    match error.path() {
        Some(path) => translated.at(path),
        None => translated,
    }
}

/// An engine error about an imported graph or its inputs.
pub fn translate_graph(error: engine::Error) -> Error {
    use base::words::infer;
    let detail = match error.node() {
        Some(node) => format!("{node}: {}", error.message()),
        None => error.message().to_owned(),
    };
    let (kind, text) = match error.kind() {
        ErrorKind::Io => (Kind::Io, words::engine_io(&detail)),
        ErrorKind::Unsupported => (Kind::Unsupported, infer::graph_unsupported(&detail)),
        ErrorKind::Limit => (Kind::Limit, words::engine_limit(&detail)),
        ErrorKind::Shape => (Kind::BrokenInput, infer::graph_shape(&detail)),
        _ => (Kind::BrokenInput, infer::graph_broken(&detail)),
    };
    at(Error::new(kind, text), &error)
}
