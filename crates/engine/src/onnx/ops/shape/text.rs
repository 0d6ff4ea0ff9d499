//! Operations on text: `StringConcat`, `StringNormalizer`, `StringSplit`, `TfIdfVectorizer`.

use super::view::{View, Walk};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, unsupported, wrong};
use std::collections::HashMap;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("StringConcat", string_concat),
    Op::new("StringNormalizer", string_normalizer),
    Op::new("StringSplit", string_split),
    Op::new("TfIdfVectorizer", tf_idf),
];

fn string_concat(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let rank = a.rank().max(b.rank());
    let extent = |array: &Array, axis: usize| {
        (axis + array.rank()).checked_sub(rank).map_or(1, |at| array.shape()[at])
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        shape.push(match (extent(a, axis), extent(b, axis)) {
            (x, 1) => x,
            (1, y) => y,
            (x, y) if x == y => x,
            _ => return Err(wrong(format!("{:?} and {:?}", a.shape(), b.shape()))),
        });
    }
    let n = call.room(&shape, DType::Text)?;
    let spread = |array: &Array| -> Vec<isize> {
        let own = View::whole(array.shape()).strides;
        let stride = |axis: usize| match (axis + array.rank()).checked_sub(rank) {
            Some(at) if array.shape()[at] != 1 => own[at],
            _ => 0,
        };
        (0..rank).map(stride).collect()
    };
    let (left, right) = (inputs.slice::<String>(0)?, inputs.slice::<String>(1)?);
    let (steps_a, steps_b) = (spread(a), spread(b));
    let (mut at_a, mut at_b) = (Walk::new(&shape, &steps_a, 0), Walk::new(&shape, &steps_b, 0));
    let mut joined = Vec::with_capacity(n);
    let mut bytes = 0u64;
    for _ in 0..n {
        let text = [left[at_a.position as usize].as_str(), &right[at_b.position as usize]].concat();
        bytes += text.len() as u64;
        if bytes > call.most_bytes {
            call.room(&[usize::MAX], DType::Text)?;
        }
        joined.push(text);
        at_a.step();
        at_b.step();
    }
    one(Array::of(&shape, joined)?)
}

/// (words) or (1, words): words to leave out go, letters change their case.
fn string_normalizer(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let row = match inputs.array(0)?.shape() {
        [_] => false,
        [1, _] => true,
        other => return Err(wrong(format!("{other:?} is neither (words) nor (1, words)"))),
    };
    let change = call.text("case_change_action", "NONE");
    let exact = call.attributes().flag("is_case_sensitive");
    let plain = |word: &str| if exact { word.to_string() } else { word.to_lowercase() };
    let stops = call.attributes().texts("stopwords").unwrap_or(&[]);
    let stops: Vec<String> = stops.iter().map(|word| plain(word)).collect();
    let mut words: Vec<String> = Vec::new();
    for word in inputs.slice::<String>(0)?.iter().filter(|word| !stops.contains(&plain(word))) {
        words.push(match change {
            "NONE" => word.clone(),
            "LOWER" => word.to_lowercase(),
            "UPPER" => word.to_uppercase(),
            other => return Err(unsupported(format!("case_change_action `{other}`"))),
        });
    }
    if words.is_empty() {
        words.push(String::new());
    }
    let n = words.len();
    one(if row { Array::of(&[1, n], words)? } else { Array::vector(words) })
}

/// The parts of each text along a new last axis, filled up with empty text, and their numbers.
fn string_split(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let texts = inputs.slice::<String>(0)?;
    let most = call.attributes().int("maxsplit").and_then(|most| usize::try_from(most).ok());
    let delimiter = call.text("delimiter", "");
    let split = |text: &String| -> Vec<String> {
        if !delimiter.is_empty() {
            let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
            // Nothing has no parts.
            let parts = text.splitn(most, delimiter).map(str::to_string);
            return if text.is_empty() { Vec::new() } else { parts.collect() };
        }
        let (mut rest, mut parts) = (text.trim(), Vec::new());
        while !rest.is_empty() {
            let end =
                rest.find(char::is_whitespace).filter(|_| most.is_none_or(|m| parts.len() < m));
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            parts.push(part.to_string());
            rest = after.trim_start();
        }
        parts
    };
    let parts: Vec<Vec<String>> = texts.iter().map(split).collect();
    let widest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut shape = inputs.array(0)?.shape().to_vec();
    let counts = parts.iter().map(|parts| parts.len() as i64).collect::<Vec<i64>>();
    let counts = Array::of(&shape, counts)?;
    shape.push(widest);
    let mut filled = Vec::with_capacity(call.room(&shape, DType::Text)?);
    for mut parts in parts {
        parts.resize(widest, String::new());
        filled.append(&mut parts);
    }
    Ok(vec![Array::of(&shape, filled)?.into(), counts.into()])
}

/// Counts of given n-grams in each row of words, by any weights.
fn tf_idf(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let attributes = call.attributes();
    let array = inputs.array(0)?;
    let words: Vec<String> = match array.slice::<String>() {
        Some(words) => words.to_vec(),
        None => inputs.ints(0)?.iter().map(i64::to_string).collect(),
    };
    let pool: Vec<String> = match (attributes.texts("pool_strings"), attributes.ints("pool_int64s"))
    {
        (Some(texts), _) => texts.to_vec(),
        (None, Some(ints)) => ints.iter().map(i64::to_string).collect(),
        _ => return Err(wrong("no n-grams are given")),
    };
    let starts = attributes.sizes("ngram_counts", &[])?;
    let indexes = attributes.sizes("ngram_indexes", &[])?;
    let weights = attributes.floats("weights");
    let cannot = || wrong("the n-grams are not as many as their indices or weights");
    // Column and position by words; n-grams of n words lie from starts[n - 1] on.
    let mut grams: HashMap<&[String], usize> = HashMap::new();
    let mut count = 0;
    for (n, start) in starts.iter().enumerate().map(|(i, start)| (i + 1, *start)) {
        let end = starts.get(n).copied().unwrap_or(pool.len());
        for gram in pool.get(start..end).ok_or_else(cannot)?.chunks(n) {
            grams.insert(gram, count);
            count += 1;
        }
    }
    if indexes.len() != count || weights.is_some_and(|weights| weights.len() != count) {
        return Err(cannot());
    }
    let columns = indexes.iter().max().map_or(Some(0), |last| last.checked_add(1));
    let columns = columns.ok_or_else(cannot)?;
    let (rows, width, shape) = match array.shape() {
        [width] => (1, *width, vec![columns]),
        [rows, width] => (*rows, *width, vec![*rows, columns]),
        other => return Err(wrong(format!("{other:?} is neither (words) nor (rows, words)"))),
    };
    let size = |name: &str| usize::try_from(call.int(name, 1)).unwrap_or(0);
    let (shortest, longest) = (size("min_gram_length").max(1), size("max_gram_length"));
    let longest = longest.min(starts.len()).min(width);
    let skips = usize::try_from(call.int("max_skip_count", 0)).unwrap_or(0).min(width);
    let mut result = vec![0.0f32; call.room(&shape, DType::F32)?];
    for row in 0..rows {
        let words = &words[row * width..(row + 1) * width];
        let found = &mut result[row * columns..(row + 1) * columns];
        for n in shortest..=longest {
            // Single words have no gaps to skip.
            for step in 1..=if n == 1 { 1 } else { skips + 1 } {
                for start in 0..width.saturating_sub((n - 1).saturating_mul(step)) {
                    let gram: Vec<String> =
                        (0..n).map(|i| words[start + i * step].clone()).collect();
                    if let Some(position) = grams.get(gram.as_slice()) {
                        found[indexes[*position]] += 1.0;
                    }
                }
            }
        }
        let Some(weights) = weights else { continue };
        for (position, column) in indexes.iter().enumerate() {
            match call.text("mode", "TF") {
                "IDF" if found[*column] > 0.0 => found[*column] = weights[position],
                "TFIDF" => found[*column] *= weights[position],
                _ => {}
            }
        }
    }
    one(Array::f32(&shape, result)?)
}
