//! One case: the study, what the models say, what the panel makes of it.

use super::inputs::Input;
use super::panel::Panel;
use super::{Common, Decoded};
use crate::{World, rfc3339};
use base::{Consultation, Manifest, Result};
use zoo::panel::{gate, opinion};

/// Asks the panel about a study. Errors when the image cannot be decoded.
pub fn consult(
    world: &dyn World,
    common: &Common,
    input: &Input,
    decoded: Decoded,
    panel: &mut Panel,
) -> Result<Consultation> {
    let named = |error: base::Error| error.at(&input.path);
    let Decoded { study, picture, seconds } = decoded;
    let (readings, models) =
        panel.read(&study, common.explain, common.despite_header).map_err(named)?;
    let mut notes = Vec::new();
    // Doubts about chest films concern only models that are for chest films.
    let answered = |(reading, system): (&base::Reading, &dyn zoo::System)| {
        reading.refused.is_none() && gate::is_frontal_chest(&system.card().accepts)
    };
    if readings.iter().zip(panel.systems()).any(answered) {
        let accepts = zoo::Accepts::FRONTAL_CHEST;
        notes.extend(gate::header_notes(&study.facts, &accepts));
        notes.extend(gate::picture_notes(&picture, &accepts));
    }
    let mut settings = vec![("explain".into(), common.explain.to_string())];
    if common.despite_header {
        settings.push(("despite-header".into(), "true".into()));
    }
    if common.exact {
        settings.push(("exact".into(), "true".into()));
    }
    settings.extend(crate::tune::setting());
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        cpu: kernels::cpu_name().into(),
        threads: panel.threads(),
        created: rfc3339(world.now()),
        settings,
        models,
        decode_seconds: seconds,
    };
    let mut case = study.facts;
    case.name.clone_from(&input.name);
    let opinion = opinion(&readings);
    Ok(Consultation { case, picture, readings, opinion, notes, manifest })
}
