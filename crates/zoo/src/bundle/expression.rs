//! The expressions of a configuration that are understood: literals, lists, tables, `+`, differences of sets,
//! `… if … else …`, references, ranges of numbers, and calls of MONAI's own constructors and of what is referred
//! to, which become the table that `_target_` makes in the configuration itself. `.to(…)` behind a value is
//! passed over. Everything else is no error but unknown.

use engine::weights::Plain;

/// How deep brackets and conditions may nest.
const MOST_DEEP: usize = 32;
/// Items of a list that an expression makes.
const MOST_ITEMS: usize = 1 << 14;
/// The key under which a set keeps its members; a set is only a step on the way to a list.
const SET: &str = "set()";

/// What `$text` is, references looked up by `of`; `None` where it is not understood.
pub(super) fn evaluate(text: &str, of: &mut dyn FnMut(&str) -> Option<Plain>) -> Option<Plain> {
    let mut parser = Parser { rest: text.trim(), of, depth: 0 };
    let value = parser.whole()?;
    parser.rest.trim().is_empty().then_some(value)
}

struct Parser<'a, 'o> {
    rest: &'a str,
    of: &'o mut dyn FnMut(&str) -> Option<Plain>,
    depth: usize,
}

impl<'a> Parser<'a, '_> {
    /// A value that is no set.
    fn whole(&mut self) -> Option<Plain> {
        self.choice().filter(|value| value.get(SET).is_none())
    }

    fn choice(&mut self) -> Option<Plain> {
        self.depth += 1;
        if self.depth > MOST_DEEP {
            return None;
        }
        let value = self.sum()?;
        let chosen = if self.word("if") {
            let condition = self.sum()?;
            let other = self.word("else").then(|| self.choice())??;
            if truth(&condition)? { value } else { other }
        } else {
            value
        };
        self.depth -= 1;
        Some(chosen)
    }

    fn sum(&mut self) -> Option<Plain> {
        let mut value = self.single()?;
        loop {
            if self.symbol('+') {
                value = added(value, self.single()?)?;
            } else if self.symbol('-') {
                value = without(&value, &self.single()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn single(&mut self) -> Option<Plain> {
        self.rest = self.rest.trim_start();
        if self.word("not") {
            let value = self.single()?;
            return truth(&value).map(|value| Plain::Bool(!value));
        }
        for (name, value) in
            [("True", Plain::Bool(true)), ("False", Plain::Bool(false)), ("None", Plain::None)]
        {
            if self.word(name) {
                return Some(value);
            }
        }
        match self.rest.chars().next()? {
            '[' => self.comprehension().or_else(|| self.list(']')),
            '{' => self.table(),
            '(' => self.list(')'),
            '@' => self.reference(),
            quote @ ('\'' | '"') => {
                let (text, rest) = self.rest[1..].split_once(quote)?;
                // An escape means something else than it says.
                (!text.contains('\\')).then_some(())?;
                self.rest = rest;
                Some(Plain::Text(text.to_owned()))
            }
            c if c.is_ascii_alphabetic() => self.call(),
            _ => self.number(),
        }
    }

    /// `[i + 1 for i in range(132)]`; leaves everything as it was where it is none.
    fn comprehension(&mut self) -> Option<Plain> {
        let (rest, depth) = (self.rest, self.depth);
        let list = self.counted();
        if list.is_none() {
            (self.rest, self.depth) = (rest, depth);
        }
        list
    }

    fn counted(&mut self) -> Option<Plain> {
        self.symbol('[').then_some(())?;
        let name = self.name()?;
        let more = match self.symbol('+') {
            true => match self.number()? {
                Plain::Int(number) => number,
                _ => return None,
            },
            false => 0,
        };
        (self.word("for") && self.word(name) && self.word("in")).then_some(())?;
        let over = self.whole()?;
        self.symbol(']').then_some(())?;
        let item = |item: &Plain| match item {
            Plain::Int(number) => number.checked_add(more).map(Plain::Int),
            _ => None,
        };
        over.items()?.iter().map(item).collect::<Option<Vec<_>>>().map(Plain::List)
    }

    /// `{'image': 'a.nii', 'label_prompt': [3]}`.
    fn table(&mut self) -> Option<Plain> {
        self.symbol('{').then_some(())?;
        let mut rows = Vec::new();
        while !self.symbol('}') {
            let Plain::Text(key) = self.whole()? else { return None };
            self.symbol(':').then_some(())?;
            rows.push((key, self.whole()?));
            if !self.symbol(',') {
                self.symbol('}').then_some(())?;
                break;
            }
        }
        Some(Plain::Table(rows))
    }

    /// `range(1, 5)`, `list(…)`, `set(…)` and MONAI's own constructors, whose arguments without a name are
    /// called by their number.
    fn call(&mut self) -> Option<Plain> {
        let name = self.name()?;
        let (rows, unnamed) = self.arguments()?;
        let value = match (name, rows.as_slice()) {
            ("range", [(_, Plain::Int(end))]) if unnamed == 1 => range(0, *end)?,
            ("range", [(_, Plain::Int(start)), (_, Plain::Int(end))]) if unnamed == 2 => {
                range(*start, *end)?
            }
            ("set", [(_, Plain::List(items))]) if unnamed == 1 => set(items)?,
            ("list", [(_, value)]) if unnamed == 1 => {
                let items = value.get(SET).unwrap_or(value);
                Plain::List(items.items()?.to_vec())
            }
            (name, _) if name.starts_with("monai.") => made(name, rows)?,
            _ => return None,
        };
        self.moved(value)
    }

    /// `(a, key=b)`, those without a name called by their number, and how many these are.
    fn arguments(&mut self) -> Option<(Vec<(String, Plain)>, usize)> {
        self.symbol('(').then_some(())?;
        let (mut rows, mut unnamed) = (Vec::new(), 0);
        while !self.symbol(')') {
            let start = self.rest;
            let key = self.name().filter(|_| self.symbol('='));
            let key = key.map(str::to_owned).unwrap_or_else(|| {
                self.rest = start;
                unnamed += 1;
                (unnamed - 1).to_string()
            });
            rows.push((key, self.choice()?));
            if !self.symbol(',') {
                self.symbol(')').then_some(())?;
                break;
            }
        }
        Some((rows, unnamed))
    }

    /// Where a network computes is no part of what it is.
    fn moved(&mut self, value: Plain) -> Option<Plain> {
        if let Some(rest) = self.rest.strip_prefix(".to(") {
            let (_, rest) = rest.split_once(')')?;
            self.rest = rest;
        }
        Some(value)
    }

    /// A name with its dots.
    fn name(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(())?;
        self.rest = rest;
        Some(name)
    }

    /// Items up to a bracket; a pair of round ones around a single value is that value.
    fn list(&mut self, end: char) -> Option<Plain> {
        self.rest = &self.rest[1..];
        let (mut items, mut commas) = (Vec::new(), 0);
        while !self.symbol(end) {
            items.push(self.whole()?);
            if self.symbol(',') {
                commas += 1;
            } else {
                self.symbol(end).then_some(())?;
                break;
            }
        }
        match end {
            ')' if commas == 0 => (items.len() == 1).then(|| items.remove(0)),
            _ => Some(Plain::List(items)),
        }
    }

    fn reference(&mut self) -> Option<Plain> {
        let text = &self.rest[1..];
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | ':');
        let end = text.find(|c| !part(c)).unwrap_or(text.len());
        let (id, rest) = text.split_at(end);
        self.rest = rest;
        let value = (self.of)(id)?;
        if self.rest.starts_with('.') && !self.rest.starts_with(".to(") {
            // What is asked of a value: a table, too.
            let rest = self.rest;
            self.rest = &rest[1..];
            let name = &rest[..self.name()?.len() + 1];
            let (rows, _) = self.arguments()?;
            return made(name, rows);
        }
        self.moved(value)
    }

    fn number(&mut self) -> Option<Plain> {
        let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | 'e' | 'E');
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text.parse::<i64>() {
            Ok(number) => Some(Plain::Int(number)),
            Err(_) => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Plain::Float),
        }
    }

    fn symbol(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(wanted);
        let whole = |rest: &&str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        match after.filter(whole) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// A call as the table that says the same.
fn made(name: &str, rows: Vec<(String, Plain)>) -> Option<Plain> {
    if rows.iter().any(|(key, value)| key == "_target_" || value.get(SET).is_some()) {
        return None;
    }
    let target = ("_target_".to_owned(), Plain::Text(name.to_owned()));
    Some(Plain::Table(std::iter::once(target).chain(rows).collect()))
}

/// `a + b`.
fn added(a: Plain, b: Plain) -> Option<Plain> {
    Some(match (a, b) {
        (Plain::Text(a), Plain::Text(b)) => Plain::Text(a + &b),
        (Plain::Int(a), Plain::Int(b)) => Plain::Int(a.checked_add(b)?),
        (Plain::List(mut a), Plain::List(b)) => {
            (a.len() + b.len() <= MOST_ITEMS).then_some(())?;
            a.extend(b);
            Plain::List(a)
        }
        (a, b) => Plain::Float(a.number()? + b.number()?),
    })
}

/// `a - b`: of sets those of `a` that are not in `b`.
fn without(a: &Plain, b: &Plain) -> Option<Plain> {
    match (a.get(SET), b.get(SET)) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.items()?, b.items()?);
            set(&a.iter().filter(|item| !b.contains(item)).cloned().collect::<Vec<_>>())
        }
        (None, None) => match (a, b) {
            (Plain::Int(a), Plain::Int(b)) => Some(Plain::Int(a.checked_sub(*b)?)),
            (a, b) => Some(Plain::Float(a.number()? - b.number()?)),
        },
        _ => None,
    }
}

fn range(start: i64, end: i64) -> Option<Plain> {
    let count = usize::try_from(end.checked_sub(start)?).unwrap_or(0);
    (count <= MOST_ITEMS).then(|| Plain::List((start..end).map(Plain::Int).collect()))
}

/// Numbers in ascending order, each once: Python's own order for small ones.
fn set(items: &[Plain]) -> Option<Plain> {
    let number = |item: &Plain| match item {
        Plain::Int(number) => Some(*number),
        _ => None,
    };
    let numbers = items.iter().map(number).collect::<Option<std::collections::BTreeSet<i64>>>()?;
    let members = Plain::List(numbers.into_iter().map(Plain::Int).collect());
    Some(Plain::Table(vec![(SET.to_owned(), members)]))
}

fn truth(value: &Plain) -> Option<bool> {
    match value {
        Plain::None => Some(false),
        Plain::Bool(value) => Some(*value),
        Plain::Int(number) => Some(*number != 0),
        Plain::Float(number) => Some(*number != 0.0),
        Plain::Text(text) => Some(!text.is_empty()),
        Plain::List(items) => Some(!items.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Plain> {
        evaluate(text, &mut |id| match id {
            "root" => Some(Plain::Text(".".into())),
            "show#high" => Some(Plain::Bool(false)),
            _ => None,
        })
    }

    #[test]
    fn the_forms_of_published_bundles_are_understood() {
        assert_eq!(of("@root + '/models/model.pt'"), Some(Plain::Text("./models/model.pt".into())));
        let spacing = of("[1.5, 1.5, 1.5] if @show#high else [3.0, 3.0, 3]").unwrap();
        let expected = vec![Plain::Float(3.0), Plain::Float(3.0), Plain::Int(3)];
        assert_eq!(spacing, Plain::List(expected));
        assert_eq!(of("'a.pt' if not @show#high else 'b.pt'"), Some(Plain::Text("a.pt".into())));
        assert_eq!(of("@root.to(@device)"), Some(Plain::Text(".".into())));
        assert_eq!(of("(1 + 2)"), Some(Plain::Int(3)));
    }

    #[test]
    fn numbers_are_counted_and_sets_subtracted() {
        let ints =
            |numbers: &[i64]| Some(Plain::List(numbers.iter().copied().map(Plain::Int).collect()));
        assert_eq!(of("list(set([i+1 for i in range(6)]) - set([2, 5, 9]))"), ints(&[1, 3, 4, 6]));
        assert_eq!(of("list(range(3, 5)) + list(range(8, 9)) + [1]"), ints(&[3, 4, 8, 1]));
        assert_eq!(of("[n for n in [4, 2]]"), ints(&[4, 2]));
        assert_eq!(of("list(range(5, 3))"), ints(&[]));
        assert_eq!(of("7 - 2"), Some(Plain::Int(5)));
        let table = of("{'image': @root, 'label_prompt': [3]}").unwrap();
        assert_eq!(table.get("label_prompt"), ints(&[3]).as_ref());
    }

    #[test]
    fn constructors_become_tables_with_their_target() {
        let made =
            of("monai.networks.nets.vista3d132(@show#high, in_channels=1).to(@device)").unwrap();
        assert_eq!(
            made.get("_target_"),
            Some(&Plain::Text("monai.networks.nets.vista3d132".into()))
        );
        assert_eq!(made.get("0"), Some(&Plain::Bool(false)));
        assert_eq!(made.get("in_channels"), Some(&Plain::Int(1)));
        let asked = of("@root.set_parameters(score_thresh=0.02, n=None)").unwrap();
        assert_eq!(asked.get("_target_"), Some(&Plain::Text(".set_parameters".into())));
        assert_eq!(asked.get("score_thresh"), Some(&Plain::Float(0.02)));
    }

    #[test]
    fn what_is_not_understood_is_unknown_and_never_guessed() {
        for text in [
            "torch.device('cuda:0')",
            "import os",
            "@absent",
            "__import__('os').system('true')",
            "1 if",
            "[1, 2",
            "'a' 'b'",
            "",
            "1 +",
            "lambda x: x",
            "set([1, 2])",
            "[set([1])]",
            "[1, 2] - [1]",
            "set([1]) + 2",
            "list(5)",
            "range(0, 1000000)",
            "range(9223372036854775807, -9)",
            "[i * 2 for i in range(3)]",
            "[i for j in range(3)]",
            "monai.a(b=set([1]))",
            "monai.a(1",
            "os.system('true')",
            "{1: 2}",
            "{'a' 1}",
            "@root - 1",
            "@root.",
            "@root.name",
            "@absent.set(1)",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of(&"(".repeat(100_000)), None);
        assert_eq!(of(&"[i for i in ".repeat(100_000)), None);
        assert_eq!(of(&"monai.a(".repeat(100_000)), None);
        assert_eq!(of(&"{'a': ".repeat(100_000)), None);
        assert_eq!(of(&"not ".repeat(20)), None);
    }
}
