//! What a bundle says of itself: `configs/metadata.json`.

use engine::weights::Plain;

/// Names are cut off beyond.
const LONGEST: usize = 120;
/// Channels that are looked at.
const MOST_CHANNELS: usize = 4096;

/// The parts that reading needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Its name.
    pub name: Option<String>,
    /// `MR`, `CT`, as the first input says.
    pub modality: Option<String>,
    /// Names of the input's channels, by number.
    pub inputs: Vec<Option<String>>,
    /// Names of the output's channels, by number.
    pub outputs: Vec<Option<String>>,
    /// Version of MONAI that it was made with: major, minor.
    pub monai: Option<(u32, u32)>,
}

impl Metadata {
    pub fn of(json: &Plain) -> Metadata {
        let text = |value: Option<&Plain>| {
            let text = value.and_then(Plain::text)?.trim();
            (!text.is_empty()).then(|| text.chars().take(LONGEST).collect::<String>())
        };
        let format = json.get("network_data_format");
        let first = |part: &str, wanted: &str| {
            let part = format?.get(part)?;
            part.get(wanted).or_else(|| part.rows()?.first().map(|(_, value)| value))
        };
        let (input, output) = (first("inputs", "image"), first("outputs", "pred"));
        let version = text(json.get("monai_version"));
        let monai = version.and_then(|version| {
            let mut parts = version.split(['.', 'r', 'a', 'b', '+']);
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        Metadata {
            name: text(json.get("name")),
            modality: text(input.and_then(|input| input.get("modality")))
                .map(|modality| modality.to_ascii_uppercase()),
            inputs: channels(input),
            outputs: channels(output),
            monai,
        }
    }

    /// `CropForeground` let boxes end at the image's border before 1.5.
    pub fn allows_smaller(&self) -> bool {
        self.monai.is_some_and(|version| version < (1, 5))
    }

    /// What the images of a case are called, `count` of them.
    pub fn images(&self, count: usize) -> Vec<String> {
        let alone = (count == 1).then(|| self.modality.clone()).flatten();
        let name = |number: usize| {
            let named = self.inputs.get(number).cloned().flatten();
            alone.clone().or(named).unwrap_or_else(|| format!("image {}", number + 1))
        };
        (0..count).map(name).collect()
    }
}

/// `channel_def`: `{"0": "background", "1": "spleen"}`.
fn channels(part: Option<&Plain>) -> Vec<Option<String>> {
    let rows = part.and_then(|part| part.get("channel_def")).and_then(Plain::rows);
    let mut names: Vec<Option<String>> = Vec::new();
    for (key, name) in rows.unwrap_or_default() {
        let (Ok(number), Some(name)) = (key.parse::<usize>(), name.text()) else { continue };
        if number < MOST_CHANNELS {
            names.resize(names.len().max(number + 1), None);
            names[number] = Some(name.chars().take(LONGEST).collect());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_by_their_numbers() {
        let text = r#"{"name": "A", "monai_version": "1.4.0", "network_data_format": {
            "inputs": {"image": {"modality": "CT", "channel_def": {"0": "image"}}},
            "outputs": {"pred": {"channel_def": {"2": "b", "0": "background"}}}}}"#;
        let metadata = Metadata::of(&Plain::from_json(text.as_bytes()).unwrap());
        assert_eq!(metadata.images(1), ["CT"]);
        assert_eq!(metadata.outputs, [Some("background".into()), None, Some("b".into())]);
        assert!(metadata.allows_smaller());
        assert_eq!(Metadata::of(&Plain::None).images(2), ["image 1", "image 2"]);
    }
}
