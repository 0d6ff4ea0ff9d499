//! The licences the catalogue knows. What is not in this list fails its tests.

use base::Text;
use base::words::catalogue as words;

/// A licence of code or weights.
#[derive(Debug, PartialEq, Eq)]
pub struct Licence {
    /// SPDX identifier, or the catalogue's own name for terms without one.
    pub id: &'static str,
    /// As shown; `None` where the identifier says it.
    name: Option<&'static Text>,
    /// Whether commercial use is allowed; `None` where it is not known or not stated.
    pub commercial: Option<bool>,
    /// Whether its terms want to be agreed to before the files are used.
    pub ask: bool,
}

impl Licence {
    /// As a reader sees it.
    pub fn name(&self) -> Text {
        self.name.cloned().unwrap_or_else(|| Text::same(self.id))
    }

    /// The licence of that identifier.
    pub fn find(id: &str) -> Option<&'static Licence> {
        LICENCES.iter().find(|licence| licence.id == id)
    }
}

const fn open(id: &'static str) -> Licence {
    Licence { id, name: None, commercial: Some(true), ask: false }
}

const fn bound(id: &'static str, name: Option<&'static Text>) -> Licence {
    Licence { id, name, commercial: Some(false), ask: true }
}

const fn unclear(id: &'static str, name: &'static Text) -> Licence {
    Licence { id, name: Some(name), commercial: None, ask: false }
}

/// All of them.
pub static LICENCES: &[Licence] = &[
    open("Apache-2.0"),
    open("MIT"),
    open("BSD-3-Clause"),
    open("CC-BY-4.0"),
    open("CC-BY-SA-4.0"),
    open("GPL-3.0"),
    open("LGPL-3.0"),
    open("AGPL-3.0"),
    Licence {
        id: "public-domain",
        name: Some(&words::PUBLIC_DOMAIN),
        commercial: Some(true),
        ask: false,
    },
    bound("CC-BY-NC-4.0", None),
    bound("CC-BY-NC-SA-4.0", None),
    bound("MSRLA", Some(&words::MSRLA)),
    bound("NVIDIA-NC", Some(&words::NVIDIA_NC)),
    bound("Stanford-NC", Some(&words::STANFORD_NC)),
    bound("Oxford-NC", Some(&words::OXFORD_NC)),
    bound("Oulu-NC", Some(&words::OULU_NC)),
    bound("LLaMA-v1", Some(&words::LLAMA_V1)),
    bound("research-only", Some(&words::RESEARCH_ONLY)),
    bound("PhysioNet", Some(&words::PHYSIONET)),
    Licence { id: "HAI-DEF", name: Some(&words::HAI_DEF), commercial: None, ask: true },
    Licence { id: "own-terms", name: Some(&words::OWN_TERMS), commercial: None, ask: true },
    unclear("training-data", &words::TRAINING_DATA),
    unclear("none-stated", &words::NO_LICENCE),
    unclear("unknown", &words::UNKNOWN_LICENCE),
    unclear("varies", &words::VARIES),
    unclear("proprietary", &words::PROPRIETARY),
    unclear("no-weights", &words::NO_WEIGHTS),
    unclear("no-code", &words::NO_CODE),
];
