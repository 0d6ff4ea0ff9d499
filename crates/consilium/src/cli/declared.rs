//! All commands and flags, declared once; parsing, help and the checks below come from here.

use base::Text;
use base::words::{
    bench, cli as words, datasets, demo, doctor, evaluate, infer, leaderboard, score, weights,
};

/// A flag and what it means.
pub(super) struct Flag {
    pub name: &'static str,
    pub short: Option<char>,
    /// What its value is called in the help; `None` for a switch.
    pub value: Option<&'static str>,
    pub about: &'static Text,
}

/// A command, what it takes, and what a user would type.
pub(super) struct Command {
    pub name: &'static str,
    pub arguments: &'static str,
    pub about: &'static Text,
    pub flags: &'static [&'static Flag],
    pub examples: &'static [&'static str],
}

/// Where the texts of flags stand.
mod texts {
    pub(super) use base::words::bench::{FLAG_BATCH, FLAG_PYTHON, FLAG_TOOLS, FLAG_WRITE};
    pub(super) use base::words::bench::{
        FLAG_MODEL as FLAG_MEASURE, FLAG_REPEAT as FLAG_RUNS_EACH,
    };
    pub(super) use base::words::catalogue::{
        FLAG_BENCH, FLAG_BODY_PART, FLAG_CLEARANCE, FLAG_EFFORT, FLAG_EXPORT_OUT, FLAG_FOR,
        FLAG_FORMAT, FLAG_GPU, FLAG_LANGUAGE, FLAG_LICENCE, FLAG_MEMORY, FLAG_MODALITY, FLAG_RAM,
        FLAG_RUNS, FLAG_TASK as FLAG_FIND_TASK,
    };
    pub(super) use base::words::cli::*;
    pub(super) use base::words::datasets::{FLAG_OUT as FLAG_OUT_TRUTH, FLAG_READERS, FLAG_SPLIT};
    pub(super) use base::words::demo::{FILM as FLAG_FILM, SEED as FLAG_SEED_HEAD};
    pub(super) use base::words::evaluate::{
        FLAG_DATASET, FLAG_JSON as FLAG_JSON_ONE, FLAG_LABELS as FLAG_JUDGE,
        FLAG_MODEL as FLAG_JUDGED, FLAG_OUT as FLAG_OUT_RUN, FLAG_SHARD,
    };
    pub(super) use base::words::infer::{FLAG_INPUT, FLAG_OPS, FLAG_PROFILE};
    pub(super) use base::words::leaderboard::{
        FLAG_BOARD, FLAG_FILE as FLAG_BOARDS, FLAG_LABEL, FLAG_METRIC, FLAG_OUT as FLAG_OUT_BOARD,
    };
    pub(super) use base::words::regions::FLAG_REGIONS;
    pub(super) use base::words::score::{
        FLAG_BY, FLAG_GROUP, FLAG_LABELS, FLAG_LEVEL, FLAG_MARGIN, FLAG_MORE, FLAG_OUT_SCORE,
        FLAG_POOL, FLAG_PREVALENCE, FLAG_RESAMPLE, FLAG_RESAMPLES, FLAG_SEED, FLAG_TASK,
        FLAG_THRESHOLD, FLAG_TOKENS, FLAG_TOLERANCE, FLAG_UNCERTAIN, FLAG_WORDNET,
    };
    pub(super) use base::words::tune::FLAG_TUNE;
    pub(super) use base::words::weights::{
        FLAG_ACCEPT, FLAG_AS, FLAG_FILE, FLAG_MIRROR, FLAG_MIRROR_ONLY, FLAG_STORE, FLAG_TIMEOUT,
        FLAG_TOKEN_FILE,
    };
}

macro_rules! flags {
    ($($id:ident: $name:literal, $short:expr, $value:expr, $about:ident;)*) => {
        $(static $id: Flag =
            Flag { name: $name, short: $short, value: $value, about: &texts::$about };)*
    };
}

flags! {
    MODEL: "--model", Some('m'), Some("ID|DIR[,…]"), FLAG_MODEL;
    WEIGHTS: "--weights", Some('w'), Some("PATH|ID=PATH"), FLAG_WEIGHTS;
    OUT: "--out", Some('o'), Some("DIR"), FLAG_OUT;
    LANG: "--lang", None, Some("en|zh"), FLAG_LANG;
    THREADS: "--threads", Some('t'), Some("N"), FLAG_THREADS;
    DEVICE: "--device", None, Some("auto|cpu"), FLAG_DEVICE;
    EXPLAIN: "--explain", None, Some("N|none"), FLAG_EXPLAIN;
    DESPITE: "--despite-header", None, None, FLAG_DESPITE;
    TTA: "--tta", None, None, FLAG_TTA;
    STATISTICS: "--statistics", None, None, FLAG_STATISTICS;
    PROBABILITIES: "--probabilities", None, None, FLAG_PROBABILITIES;
    FAST: "--fast", None, None, FLAG_FAST;
    MASKS: "--masks", None, Some("FILE|DIR"), FLAG_MASKS;
    LOCALIZER: "--localizer", None, Some("FILE|DIR"), FLAG_LOCALIZER;
    ROI: "--roi", None, Some("NAME[,…]"), FLAG_ROI;
    MEMORY_LIMIT: "--memory-limit", None, Some("4G|none"), FLAG_MEMORY_LIMIT;
    SEG: "--seg", None, Some("binary|labelmap|none[,…]"), FLAG_SEG;
    WITH_PATIENT: "--with-patient", None, None, FLAG_WITH_PATIENT;
    EXACT: "--exact", None, None, FLAG_EXACT;
    ISA: "--isa", None, Some("NAME"), FLAG_ISA;
    SYSTEM: "--system", Some('m'), Some("ID"), FLAG_SYSTEM;
    INPUT: "--input", Some('i'), Some("X.npy"), FLAG_INPUT;
    OUTPUT: "--output", Some('o'), Some("Y.npy"), FLAG_OUTPUT;
    PROFILE: "--profile", None, None, FLAG_PROFILE;
    OPS: "--ops", None, None, FLAG_OPS;
    REPEAT: "--repeat", Some('n'), Some("N"), FLAG_REPEAT;
    TOOLS: "--tools", None, Some("DIR"), FLAG_TOOLS;
    PYTHON: "--python", None, Some("PROGRAM"), FLAG_PYTHON;
    BATCH: "--batch", None, Some("N"), FLAG_BATCH;
    TUNE: "--tune", None, None, FLAG_TUNE;
    WRITE: "--write", None, Some("FILE"), FLAG_WRITE;
    TASK: "--task", None, Some("TASK"), FLAG_TASK;
    GROUP: "--group", None, Some("COLUMN"), FLAG_GROUP;
    BY: "--by", None, Some("COLUMN,…"), FLAG_BY;
    THRESHOLD: "--threshold", None, Some("X"), FLAG_THRESHOLD;
    UNCERTAIN: "--uncertain", None, Some("POLICY"), FLAG_UNCERTAIN;
    LABELS: "--labels", None, Some("N[=NAME],…"), FLAG_LABELS;
    REGIONS: "--regions", None, Some("NAME=N+N,…"), FLAG_REGIONS;
    TOLERANCE: "--tolerance", None, Some("MM"), FLAG_TOLERANCE;
    RESAMPLE: "--resample", None, None, FLAG_RESAMPLE;
    MORE: "--more", None, Some("METRIC,…"), FLAG_MORE;
    MARGIN: "--margin", None, Some("X"), FLAG_MARGIN;
    TOKENS: "--tokens", None, Some("HOW"), FLAG_TOKENS;
    POOL: "--pool", None, Some("COLUMN=max|mean"), FLAG_POOL;
    PREVALENCE: "--prevalence", None, Some("X"), FLAG_PREVALENCE;
    WORDNET: "--wordnet", None, Some("DIR"), FLAG_WORDNET;
    RESAMPLES: "--resamples", None, Some("N"), FLAG_RESAMPLES;
    SEED: "--seed", None, Some("N"), FLAG_SEED;
    SEED_HEAD: "--seed", None, Some("N"), FLAG_SEED_HEAD;
    FILM: "--film", None, None, FLAG_FILM;
    LEVEL: "--level", None, Some("X"), FLAG_LEVEL;
    SPLIT: "--split", None, Some("NAME"), FLAG_SPLIT;
    READERS: "--readers", None, Some("WHO"), FLAG_READERS;
    OUT_TRUTH: "--out", Some('o'), Some("DIR"), FLAG_OUT_TRUTH;
    OUT_SCORE: "--out", Some('o'), Some("DIR"), FLAG_OUT_SCORE;
    DATASET: "--dataset", Some('d'), Some("KIND:PATH"), FLAG_DATASET;
    JUDGED: "--model", Some('m'), Some("ID|DIR[,…]"), FLAG_JUDGED;
    JUDGE: "--labels", None, Some("LABEL[=…],…"), FLAG_JUDGE;
    SHARD: "--shard", None, Some("N"), FLAG_SHARD;
    OUT_RUN: "--out", Some('o'), Some("DIR"), FLAG_OUT_RUN;
    JSON_ONE: "--json", None, None, FLAG_JSON_ONE;
    BOARDS: "--file", Some('f'), Some("FILE"), FLAG_BOARDS;
    BOARD: "--board", Some('b'), Some("NAME"), FLAG_BOARD;
    METRIC: "--metric", None, Some("NAME"), FLAG_METRIC;
    LABEL: "--label", None, Some("NAME"), FLAG_LABEL;
    OUT_BOARD: "--out", Some('o'), Some("FILE"), FLAG_OUT_BOARD;
    FIND_TASK: "--task", None, Some("TASK"), FLAG_FIND_TASK;
    MODALITY: "--modality", None, Some("KIND"), FLAG_MODALITY;
    BODY_PART: "--body-part", None, Some("PART"), FLAG_BODY_PART;
    LANGUAGE: "--language", None, Some("en|zh"), FLAG_LANGUAGE;
    LICENCE: "--licence", None, Some("NAME|commercial"), FLAG_LICENCE;
    CLEARANCE: "--clearance", None, Some("WHO|any"), FLAG_CLEARANCE;
    EFFORT: "--effort", None, Some("N"), FLAG_EFFORT;
    MEMORY: "--memory", None, Some("GB"), FLAG_MEMORY;
    RUNS: "--runs", None, None, FLAG_RUNS;
    FOR: "--for", None, Some("PURPOSE"), FLAG_FOR;
    RAM: "--ram", None, Some("GB"), FLAG_RAM;
    GPU: "--gpu", None, Some("GB"), FLAG_GPU;
    FORMAT: "--format", None, Some("md|html"), FLAG_FORMAT;
    MEASURED: "--bench", None, Some("FILE"), FLAG_BENCH;
    EXPORT_OUT: "--out", Some('o'), Some("FILE"), FLAG_EXPORT_OUT;
    MEASURE: "--model", Some('m'), Some("ID[,…]"), FLAG_MEASURE;
    RUNS_EACH: "--repeat", Some('n'), Some("N"), FLAG_RUNS_EACH;
    STORE: "--store", None, Some("DIR"), FLAG_STORE;
    MIRROR: "--mirror", None, Some("ADDRESS[,…]"), FLAG_MIRROR;
    MIRROR_ONLY: "--mirror-only", None, None, FLAG_MIRROR_ONLY;
    TOKEN_FILE: "--token-file", None, Some("FILE"), FLAG_TOKEN_FILE;
    TIMEOUT: "--timeout", None, Some("SECONDS"), FLAG_TIMEOUT;
    ACCEPT: "--accept", None, None, FLAG_ACCEPT;
    ONE_FILE: "--file", None, Some("NAME"), FLAG_FILE;
    AS: "--as", None, Some("ID"), FLAG_AS;
    JSON: "--json", None, None, FLAG_JSON;
    VERBOSE: "--verbose", Some('v'), None, FLAG_VERBOSE;
    QUIET: "--quiet", Some('q'), None, FLAG_QUIET;
    HELP: "--help", Some('h'), None, FLAG_HELP;
}

/// Every command, in the order of the help.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "read",
        arguments: "INPUT…",
        about: &words::READ,
        flags: &[
            &MODEL,
            &WEIGHTS,
            &OUT,
            &EXPLAIN,
            &DESPITE,
            &TTA,
            &FAST,
            &LOCALIZER,
            &MASKS,
            &ROI,
            &STATISTICS,
            &PROBABILITIES,
            &SEG,
            &WITH_PATIENT,
            &MEMORY_LIMIT,
            &LANG,
            &THREADS,
            &DEVICE,
            &EXACT,
            &ISA,
            &JSON,
            &VERBOSE,
            &QUIET,
            &HELP,
        ],
        examples: &[
            "consilium read chest.dcm --model xrv-densenet121-res224-all --weights ~/weights",
            "consilium read films/ --weights a.pt --weights b.pt --lang zh --out reports",
            "consilium read chest.dcm --model ./my-model",
            "consilium read ct.nii.gz --model ./nnunet-folder --out ct-organs",
        ],
    },
    Command {
        name: "inspect",
        arguments: "INPUT…",
        about: &words::INSPECT,
        flags: &[&OUT, &LANG, &JSON, &HELP],
        examples: &["consilium inspect chest.dcm", "consilium inspect chest.dcm --out preview"],
    },
    Command {
        name: "models",
        arguments: "[list | show ID|DIR | recommend | export | new [DIR] | check DIR]",
        about: &words::MODELS,
        flags: &[
            &FIND_TASK,
            &MODALITY,
            &BODY_PART,
            &LANGUAGE,
            &LICENCE,
            &CLEARANCE,
            &EFFORT,
            &MEMORY,
            &RUNS,
            &FOR,
            &RAM,
            &GPU,
            &FORMAT,
            &MEASURED,
            &EXPORT_OUT,
            &LANG,
            &THREADS,
            &JSON,
            &HELP,
        ],
        examples: &[
            "consilium models",
            "consilium models list --task segmentation --modality ct --licence commercial",
            "consilium models recommend --for orthopaedics",
            "consilium models show xrv-densenet121-res224-all",
            "consilium models export --format html --out survey.html --lang zh",
            "consilium models new my-model",
            "consilium models check my-model",
        ],
    },
    Command {
        name: "weights",
        arguments: "[list | pull ID… | import PATH… | verify | remove ID… | where [ID]]",
        about: &weights::WEIGHTS,
        flags: &[
            &STORE,
            &MIRROR,
            &MIRROR_ONLY,
            &TOKEN_FILE,
            &TIMEOUT,
            &ACCEPT,
            &ONE_FILE,
            &AS,
            &LANG,
            &JSON,
            &QUIET,
            &HELP,
        ],
        examples: &[
            "consilium weights list torchxrayvision",
            "consilium weights pull xrv-densenet121-res224-all",
            "consilium weights pull maira-2 --accept --token-file token.txt --mirror huggingface.co=https://hf-mirror.com",
            "consilium weights import /media/stick",
        ],
    },
    Command {
        name: "infer",
        arguments: "(GRAPH.onnx | --system ID --weights PATH)",
        about: &infer::INFER,
        flags: &[
            &SYSTEM, &WEIGHTS, &INPUT, &OUTPUT, &REPEAT, &PROFILE, &OPS, &LANG, &THREADS, &EXACT,
            &ISA, &VERBOSE, &JSON, &HELP,
        ],
        examples: &[
            "consilium infer model.onnx --input x.npy --output y.npy",
            "consilium infer model.onnx -i ids=ids.npy -i mask=mask.npy -o logits=y.npy --repeat 20",
            "consilium infer --ops",
            "consilium infer --system xrv-densenet121-res224-all --weights a.pt --input x.npy --output y.npy",
        ],
    },
    Command {
        name: "score",
        arguments: "--task TASK PREDICTIONS TRUTH",
        about: &score::SCORE,
        flags: &[
            &TASK,
            &GROUP,
            &POOL,
            &BY,
            &THRESHOLD,
            &PREVALENCE,
            &UNCERTAIN,
            &LABELS,
            &REGIONS,
            &TOLERANCE,
            &RESAMPLE,
            &MORE,
            &TOKENS,
            &WORDNET,
            &SPLIT,
            &READERS,
            &RESAMPLES,
            &SEED,
            &LEVEL,
            &OUT_SCORE,
            &LANG,
            &THREADS,
            &JSON,
            &HELP,
        ],
        examples: &[
            "consilium score --task classification predictions.csv truth.csv --group patient",
            "consilium score --task segmentation predicted/ labelsTs/ --labels 1=liver,2=tumour --json",
            "consilium score --task segmentation predicted/ labelsTs/ --group cases.csv/patient",
            "consilium score --task segmentation predicted/ labelsTs/ --regions brats2023 --more lesion_wise=gli",
            "consilium score --task detection boxes.json yolo:fractures/ --split test",
            "consilium score --task regression ages.csv truth.csv --by sex --out scores",
        ],
    },
    Command {
        name: "compare",
        arguments: "--task TASK A B … TRUTH",
        about: &score::COMPARE,
        flags: &[
            &TASK, &GROUP, &POOL, &BY, &THRESHOLD, &UNCERTAIN, &LABELS, &REGIONS, &TOLERANCE,
            &RESAMPLE, &MORE, &MARGIN, &TOKENS, &WORDNET, &SPLIT, &READERS, &RESAMPLES, &SEED,
            &LEVEL, &OUT_SCORE, &LANG, &THREADS, &JSON, &HELP,
        ],
        examples: &[
            "consilium compare --task classification a.csv b.csv truth.csv --group patient --by sex,age",
            "consilium compare --task segmentation a/ b/ c/ labelsTs/ --margin 0.02 --json",
        ],
    },
    Command {
        name: "datasets",
        arguments: "[list | show [KIND:]PATH | check [KIND:]PATH]",
        about: &datasets::DATASETS,
        flags: &[&SPLIT, &READERS, &OUT_TRUTH, &LANG, &JSON, &HELP],
        examples: &[
            "consilium datasets",
            "consilium datasets check yolo:fractures.zip",
            "consilium datasets check chestxray14:/data/nih",
            "consilium datasets show chexpert:/data/CheXpert-v1.0-small --split valid --out truth",
        ],
    },
    Command {
        name: "evaluate",
        arguments: "--dataset KIND:PATH --model ID[,…]",
        about: &evaluate::EVALUATE,
        flags: &[
            &DATASET, &JUDGED, &WEIGHTS, &SPLIT, &JUDGE, &UNCERTAIN, &BY, &POOL, &THRESHOLD,
            &REGIONS, &TOLERANCE, &RESAMPLE, &MORE, &RESAMPLES, &SEED, &LEVEL, &DESPITE, &TTA,
            &SHARD, &OUT_RUN, &LANG, &THREADS, &EXACT, &ISA, &JSON_ONE, &VERBOSE, &QUIET, &HELP,
        ],
        examples: &[
            "consilium evaluate --dataset chestxray14:/data/nih --split test --model xrv-densenet121-res224-all,xrv-densenet121-res224-nih --out nih-test",
            "consilium evaluate --dataset chexpert:/data/CheXpert-v1.0-small --split valid --uncertain ignore --by sex --model xrv-densenet121-res224-chex",
            "consilium evaluate --dataset msd:/data/Task09_Spleen --split train --model ./nnunet-folder --labels 1=spleen",
        ],
    },
    Command {
        name: "leaderboard",
        arguments: "[add FOLDER… | list | show [NAME] | export [NAME]]",
        about: &leaderboard::LEADERBOARD,
        flags: &[&BOARDS, &BOARD, &METRIC, &LABEL, &OUT_BOARD, &LANG, &JSON_ONE, &HELP],
        examples: &[
            "consilium leaderboard add nih-test",
            "consilium leaderboard show --metric average_precision_score --label Effusion",
            "consilium leaderboard export --out leaderboard.html --lang zh",
        ],
    },
    Command {
        name: "demo",
        arguments: "",
        about: &demo::DEMO,
        flags: &[&SEED_HEAD, &FILM, &OUT, &LANG, &THREADS, &EXACT, &ISA, &QUIET, &JSON, &HELP],
        examples: &["consilium demo --lang zh", "consilium demo --seed 7", "consilium demo --film"],
    },
    Command {
        name: "bench",
        arguments: "[peers [NETWORK…] | --tune]",
        about: &bench::BENCH,
        flags: &[
            &MEASURE, &RUNS_EACH, &TUNE, &THREADS, &BATCH, &WRITE, &PYTHON, &TOOLS, &LANG, &JSON,
            &VERBOSE, &QUIET, &HELP,
        ],
        examples: &[
            "consilium bench --model xrv-densenet121-res224-all --write consilium-bench.json",
            "consilium bench peers --write BENCHMARKS.md",
            "consilium bench peers densenet121 unet3d_96 --threads 1",
            "consilium bench --tune",
        ],
    },
    Command {
        name: "doctor",
        arguments: "",
        about: &doctor::DOCTOR,
        flags: &[&STORE, &THREADS, &ISA, &LANG, &JSON, &HELP],
        examples: &["consilium doctor"],
    },
    Command {
        name: "version",
        arguments: "",
        about: &words::VERSION,
        flags: &[&LANG, &HELP],
        examples: &[],
    },
];

/// The command of that name.
pub(super) fn command(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_examples_use_what_exists() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
        for command in COMMANDS {
            let flags: BTreeSet<_> = command.flags.iter().map(|flag| flag.name).collect();
            assert_eq!(flags.len(), command.flags.len(), "{}", command.name);
            assert!(flags.contains("--help") && flags.contains("--lang"));
            for word in command.examples.iter().flat_map(|line| line.split(' ')) {
                assert!(
                    !word.starts_with("--") || flags.contains(word),
                    "{}: {word}",
                    command.name
                );
            }
            for example in command.examples {
                assert!(example.starts_with(&format!("consilium {}", command.name)));
            }
        }
    }
}
