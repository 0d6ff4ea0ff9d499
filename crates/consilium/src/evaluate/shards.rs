//! Predictions on the disk: Parquet files of a fixed number of cases each, written aside and moved
//! into place. A name carries the beginning of a SHA-256 over the run's record and the file, so that a
//! file that was cut off, changed, or of another run is never read, but made again.

use super::record::Record;
use crate::World;
use crate::read::{io_error, write_file};
use crate::weights::hash as sha256;
use base::{Error, Kind, Result, Text};
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::types::{Type, TypePtr};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder in a model's folder.
pub(crate) const FOLDER: &str = "predictions";
/// Under what name a file says to which run it belongs.
const RUN_KEY: &str = "consilium.run_sha256";
/// Digits of the hash in a name.
const DIGITS: usize = 16;
/// A file of predictions that is larger is none of this program's.
const MOST_BYTES: u64 = 1 << 30;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// By an answer.
    Answered,
    /// By an answer for some of its films only.
    Partly,
    /// The model does not read such a case.
    Refused,
    /// It could not be read.
    Failed,
}

impl Status {
    const ALL: [Status; 4] = [Status::Answered, Status::Partly, Status::Refused, Status::Failed];

    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Status::Answered => "answered",
            Status::Partly => "partly",
            Status::Refused => "refused",
            Status::Failed => "failed",
        }
    }

    /// There is something to judge.
    pub fn counts(self) -> bool {
        matches!(self, Status::Answered | Status::Partly)
    }
}

/// What a model said of one case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The case.
    pub id: String,
    /// Its patient.
    pub patient: String,
    /// How it ended.
    pub status: Status,
    /// Why not, or why not all.
    pub why: Option<Text>,
    /// Files of the case, and those that were read.
    pub files: [i32; 2],
    /// SHA-256 over the files' contents, and the mask's of the truth.
    pub input_sha256: String,
    /// File of the label map, its SHA-256, and the set's labels that the model gives.
    pub mask: Option<[String; 3]>,
    /// A number for each column.
    pub scores: Vec<Option<f32>>,
}

/// The files of one run.
pub(super) struct Shards {
    folder: PathBuf,
    run_sha256: String,
    masks: bool,
    columns: Vec<String>,
}

impl Shards {
    /// Of a run in its folder; `masks` when answers are label maps, `columns` names the scores.
    pub fn new(model: &Path, record: &Record, masks: bool, columns: Vec<String>) -> Shards {
        Shards { folder: model.join(FOLDER), run_sha256: record.sha256.clone(), masks, columns }
    }

    /// Names of the scores.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The answers of a file, if it is there and whole; otherwise its damaged leavings are named in
    /// `damaged`.
    pub fn load(&self, number: usize, damaged: &mut Vec<PathBuf>) -> Option<Vec<Answer>> {
        for path in self.named(number) {
            let whole = read_whole(&path, &self.run_sha256);
            let read = whole.and_then(|bytes| self.decode(bytes));
            if read.is_some() {
                return read;
            }
            damaged.push(path);
        }
        None
    }

    /// Writes the answers of a file. Files of the same number that are there are removed after.
    pub fn store(&self, world: &dyn World, number: usize, answers: &[Answer]) -> Result<()> {
        let failed = |error: ParquetError| {
            let text = base::words::cli::cannot_write(&error);
            Error::new(Kind::Bug, text).at(&self.folder)
        };
        let bytes = self.encode(answers).map_err(failed)?;
        world.make_folder(&self.folder).map_err(|error| io_error(&error, &self.folder))?;
        world.sweep(&self.folder);
        let digits = digits(&self.run_sha256, &bytes);
        let path = self.folder.join(format!("part-{number:05}.{digits}.parquet"));
        let old = self.named(number);
        write_file(world, &path, &bytes)?;
        for other in old.into_iter().filter(|other| *other != path) {
            world.remove_file(&other).map_err(|error| io_error(&error, &other))?;
        }
        Ok(())
    }

    /// Files that bear a number, whatever is in them.
    fn named(&self, number: usize) -> Vec<PathBuf> {
        let start = format!("part-{number:05}.");
        listed(&self.folder).into_iter().filter(|path| name(path).starts_with(&start)).collect()
    }

    fn schema(&self) -> std::result::Result<TypePtr, ParquetError> {
        let field = |name: &str, physical, optional, converted| {
            let repetition = if optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
            Type::primitive_type_builder(name, physical)
                .with_repetition(repetition)
                .with_converted_type(converted)
                .build()
                .map(Arc::new)
        };
        let text =
            |name: &str, optional| field(name, Physical::BYTE_ARRAY, optional, ConvertedType::UTF8);
        let mut fields = Vec::new();
        for name in ["id", "patient", "status"] {
            fields.push(text(name, false)?);
        }
        for name in ["reason_en", "reason_zh"] {
            fields.push(text(name, true)?);
        }
        for name in ["files", "files_read"] {
            fields.push(field(name, Physical::INT32, false, ConvertedType::NONE)?);
        }
        fields.push(text("input_sha256", false)?);
        if self.masks {
            for name in ["mask", "mask_sha256", "labels"] {
                fields.push(text(name, true)?);
            }
        }
        for name in &self.columns {
            fields.push(field(name, Physical::FLOAT, true, ConvertedType::NONE)?);
        }
        Type::group_type_builder("predictions").with_fields(fields).build().map(Arc::new)
    }

    fn encode(&self, answers: &[Answer]) -> std::result::Result<Vec<u8>, ParquetError> {
        let run = KeyValue::new(RUN_KEY.to_owned(), self.run_sha256.clone());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("consilium ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![run]))
            .build();
        let mut writer = SerializedFileWriter::new(Vec::new(), self.schema()?, properties.into())?;
        let mut group = writer.next_row_group()?;
        texts(&mut group, answers, &|answer| Some(answer.id.clone()), false)?;
        texts(&mut group, answers, &|answer| Some(answer.patient.clone()), false)?;
        texts(&mut group, answers, &|answer| Some(answer.status.name().to_owned()), false)?;
        texts(
            &mut group,
            answers,
            &|answer| answer.why.as_ref().map(|why| why.en().to_owned()),
            true,
        )?;
        texts(
            &mut group,
            answers,
            &|answer| answer.why.as_ref().map(|why| why.zh().to_owned()),
            true,
        )?;
        for at in 0..2 {
            let values: Vec<i32> = answers.iter().map(|answer| answer.files[at]).collect();
            if let Some(mut column) = group.next_column()? {
                column.typed::<Int32Type>().write_batch(&values, None, None)?;
                column.close()?;
            }
        }
        texts(&mut group, answers, &|answer| Some(answer.input_sha256.clone()), false)?;
        for at in 0..if self.masks { 3 } else { 0 } {
            texts(
                &mut group,
                answers,
                &|answer| answer.mask.as_ref().map(|mask| mask[at].clone()),
                true,
            )?;
        }
        for at in 0..self.columns.len() {
            let found: Vec<Option<f32>> =
                answers.iter().map(|answer| answer.scores.get(at).copied().flatten()).collect();
            let levels: Vec<i16> = found.iter().map(|score| i16::from(score.is_some())).collect();
            let values: Vec<f32> = found.into_iter().flatten().collect();
            if let Some(mut column) = group.next_column()? {
                column.typed::<FloatType>().write_batch(&values, Some(&levels), None)?;
                column.close()?;
            }
        }
        group.close()?;
        writer.into_inner()
    }

    /// `None` of another run's file, or of one with other columns. The library panics at some files
    /// that nobody wrote by accident: they are no files of this run either.
    fn decode(&self, bytes: Vec<u8>) -> Option<Vec<Answer>> {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.decode_sound(bytes))).ok().flatten()
    }

    fn decode_sound(&self, bytes: Vec<u8>) -> Option<Vec<Answer>> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).ok()?;
        let meta = reader.metadata().file_metadata();
        let run = meta.key_value_metadata()?.iter().find(|pair| pair.key == RUN_KEY)?;
        if run.value.as_deref() != Some(self.run_sha256.as_str()) {
            return None;
        }
        let rows = reader.get_row_iter(None).ok()?;
        rows.map(|row| self.answer(row.ok()?.into_columns().into_iter().collect())).collect()
    }

    fn answer(&self, mut fields: BTreeMap<String, Field>) -> Option<Answer> {
        let mut text = |name: &str| match fields.remove(name) {
            Some(Field::Str(text)) => Some(text),
            _ => None,
        };
        let (id, patient, status) = (text("id")?, text("patient")?, text("status")?);
        let why = text("reason_en").zip(text("reason_zh")).map(|(en, zh)| Text::filled(en, zh));
        let input_sha256 = text("input_sha256")?;
        let mask = text("mask").zip(text("mask_sha256")).zip(text("labels"));
        let whole = |name: &str| match fields.get(name) {
            Some(Field::Int(number)) => Some(*number),
            _ => None,
        };
        let score = |name: &String| match fields.get(name) {
            Some(Field::Float(score)) => Some(Some(*score)),
            Some(Field::Null) => Some(None),
            _ => None,
        };
        Some(Answer {
            id,
            patient,
            status: Status::ALL.into_iter().find(|known| known.name() == status)?,
            why,
            files: [whole("files")?, whole("files_read")?],
            input_sha256,
            mask: mask.map(|((mask, hash), labels)| [mask, hash, labels]),
            scores: self.columns.iter().map(score).collect::<Option<_>>()?,
        })
    }
}

/// Writes the next column as text.
fn texts(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    answers: &[Answer],
    of: &dyn Fn(&Answer) -> Option<String>,
    optional: bool,
) -> std::result::Result<(), ParquetError> {
    let found: Vec<Option<String>> = answers.iter().map(of).collect();
    let levels: Vec<i16> = found.iter().map(|text| i16::from(text.is_some())).collect();
    let values: Vec<ByteArray> =
        found.into_iter().flatten().map(|text| text.into_bytes().into()).collect();
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    let levels = optional.then_some(levels.as_slice());
    column.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
    column.close()
}

/// SHA-256 over all files of predictions in a model's folder, in their order; `None` where there is
/// none, or where one is not what its name says.
pub(crate) fn digest(model: &Path) -> Option<String> {
    let run = sha256::of_file(&model.join(super::record::NAME), false).ok()?.sha256;
    let files = listed(&model.join(FOLDER));
    let mut all = String::new();
    for path in &files {
        all += &format!("{} {}\n", name(path), sha256::of_bytes(&read_whole(path, &run)?));
    }
    (!files.is_empty()).then(|| sha256::of_text(&all))
}

/// The files of predictions in a folder, by name.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| name(path).starts_with("part-") && name(path).ends_with(".parquet"));
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a file's name carries.
fn digits(run_sha256: &str, bytes: &[u8]) -> String {
    let own = sha256::of_bytes(bytes);
    sha256::of_text(&format!("{run_sha256}\n{own}")).chars().take(DIGITS).collect()
}

/// The bytes of a file whose name says their hash; `None` of anything else.
fn read_whole(path: &Path, run_sha256: &str) -> Option<Vec<u8>> {
    if std::fs::metadata(path).ok()?.len() > MOST_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let name = name(path);
    let said = name.split('.').nth(1)?;
    (said == digits(run_sha256, &bytes)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Disk;
    use serde_json::json;

    fn answers() -> Vec<Answer> {
        let one = |id: &str, status, why: Option<Text>, scores: [Option<f32>; 2]| Answer {
            id: id.into(),
            patient: "p,\"1\"".into(),
            status,
            why,
            files: [2, 1],
            input_sha256: "ab".into(),
            mask: None,
            scores: scores.to_vec(),
        };
        let why = Some(Text::fixed("cut short", "文件不完整"));
        vec![
            one("a", Status::Answered, None, [Some(0.1), Some(f32::MIN_POSITIVE)]),
            one("b", Status::Failed, why.clone(), [None, None]),
            one("病例", Status::Partly, why, [Some(1.0), None]),
        ]
    }

    fn shards(folder: &Path, run: &str) -> Shards {
        std::fs::write(folder.join("run.json"), run).unwrap();
        let record = Record { json: json!({}), sha256: sha256::of_text(run) };
        Shards::new(folder, &record, false, vec!["pleural-effusion".into(), "x.y z".into()])
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let dir = testkit::temp_dir("shards");
        let own = shards(dir.path(), "run");
        assert_eq!(own.load(3, &mut Vec::new()), None);
        own.store(&Disk, 3, &answers()).unwrap();
        assert_eq!(own.load(3, &mut Vec::new()), Some(answers()));
        assert_eq!(own.load(4, &mut Vec::new()), None);
        // Another run's file is no file of this one, and is replaced.
        let other = shards(dir.path(), "other");
        assert_eq!(other.load(3, &mut Vec::new()), None);
        other.store(&Disk, 3, &answers()[..1]).unwrap();
        assert_eq!(listed(&dir.join(FOLDER)).len(), 1);
        assert!(digest(dir.path()).is_some());
        let masks = Shards { masks: true, ..shards(dir.path(), "masks") };
        let mut with = answers();
        with[0].mask = Some(["a.nii.gz", "00", "1,2"].map(str::to_owned));
        masks.store(&Disk, 0, &with).unwrap();
        assert_eq!(masks.load(0, &mut Vec::new()), Some(with));
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let dir = testkit::temp_dir("shards-damaged");
        let own = shards(dir.path(), "run");
        own.store(&Disk, 0, &answers()).unwrap();
        let path = listed(&dir.join(FOLDER)).remove(0);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            std::fs::write(&path, &bytes).unwrap();
            let mut damaged = Vec::new();
            assert_eq!(own.load(0, &mut damaged), None, "byte {at}");
            assert_eq!(damaged.as_slice(), std::slice::from_ref(&path));
            assert_eq!(digest(dir.path()), None);
            // Even under a name that fits, a broken file is an error and no panic.
            let _ = own.decode(bytes);
        }
        for length in [0, 4, 12, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(own.load(0, &mut Vec::new()), None);
            let _ = own.decode(whole[..length].to_vec());
        }
        own.store(&Disk, 0, &answers()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}
