//! What the store holds for commands that need weights and were given none.

use super::store::Store;
use crate::World;
use std::path::PathBuf;
use zoo::VolumeCard;

/// The folder in the store with the files of a network, if it holds any.
pub fn stored(world: &dyn World, id: &str) -> Option<PathBuf> {
    Store::open(None, world).ok()?.held(id)
}

/// Models and weights with what the store holds put in: a model's name that is no system's becomes
/// its folder, and what is asked of it stays behind it (`ID:CLASS+CLASS`); systems for volumes get their weights where none are given at all.
pub fn given(world: &dyn World, models: &mut [String], weights: &mut Vec<String>) {
    for model in models.iter_mut() {
        let known = zoo::find(model).is_some() || volume_card(model).is_some();
        // A path has a separator, or is there.
        if known || model.contains(['/', '\\']) || std::path::Path::new(model).exists() {
            continue;
        }
        let (id, asked) = model.split_at(model.find(':').unwrap_or(model.len()));
        if let Some(folder) = stored(world, id) {
            *model = format!("{}{asked}", folder.display());
        }
    }
    if !weights.is_empty() {
        return;
    }
    for card in models.iter().filter_map(|model| volume_card(model)) {
        let Ok(store) = Store::open(None, world) else { return };
        let path = of_volumes(&store, &card);
        weights.extend(path.map(|path| format!("{}={}", card.id, path.display())));
    }
}

fn volume_card(model: &str) -> Option<VolumeCard> {
    let id = model.split(':').next().unwrap_or_default();
    zoo::find_volume_system(id).map(|system| system.card())
}

/// The weights of a system for volumes: under its own name, that of its row, or that of the system
/// whose models it uses. A single file is named itself.
pub(crate) fn of_volumes(store: &Store, card: &VolumeCard) -> Option<PathBuf> {
    let lender = card.weights.first().and_then(|file| zoo::trained::system(file.name));
    let mut rows = [card.id, card.survey_row].into_iter().chain(lender);
    let folder = rows.find_map(|id| store.held(id))?;
    match card.weights {
        [only] if folder.join(only.name).is_file() => Some(folder.join(only.name)),
        _ => Some(folder),
    }
}
