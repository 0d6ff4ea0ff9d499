//! The expressions of a configuration that are understood: literals, lists, `+`, `… if … else …`,
//! references, and `.to(…)` behind one. Everything else is no error but unknown.

use engine::weights::Plain;

/// How deep brackets and conditions may nest.
const MOST_DEEP: usize = 32;

/// What `$text` is, references looked up by `of`; `None` where it is not understood.
pub(super) fn evaluate(text: &str, of: &mut dyn FnMut(&str) -> Option<Plain>) -> Option<Plain> {
    let mut parser = Parser { rest: text.trim(), of, depth: 0 };
    let value = parser.choice()?;
    parser.rest.trim().is_empty().then_some(value)
}

struct Parser<'a, 'o> {
    rest: &'a str,
    of: &'o mut dyn FnMut(&str) -> Option<Plain>,
    depth: usize,
}

impl<'a> Parser<'a, '_> {
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
        while self.symbol('+') {
            value = match (value, self.single()?) {
                (Plain::Text(a), Plain::Text(b)) => Plain::Text(a + &b),
                (Plain::Int(a), Plain::Int(b)) => Plain::Int(a.checked_add(b)?),
                (Plain::List(mut a), Plain::List(b)) => {
                    a.extend(b);
                    Plain::List(a)
                }
                (a, b) => Plain::Float(a.number()? + b.number()?),
            };
        }
        Some(value)
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
            '[' => self.list(']'),
            '(' => self.list(')'),
            '@' => self.reference(),
            quote @ ('\'' | '"') => {
                let (text, rest) = self.rest[1..].split_once(quote)?;
                // An escape means something else than it says.
                (!text.contains('\\')).then_some(())?;
                self.rest = rest;
                Some(Plain::Text(text.to_owned()))
            }
            _ => self.number(),
        }
    }

    /// Items up to a bracket; a pair of round ones around a single value is that value.
    fn list(&mut self, end: char) -> Option<Plain> {
        self.rest = &self.rest[1..];
        let (mut items, mut commas) = (Vec::new(), 0);
        while !self.symbol(end) {
            items.push(self.choice()?);
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
        // Where a network computes is no part of what it is.
        if let Some(rest) = self.rest.strip_prefix(".to(") {
            let (_, rest) = rest.split_once(')')?;
            self.rest = rest;
        }
        Some(value)
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
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of(&"(".repeat(100_000)), None);
        assert_eq!(of(&"not ".repeat(20)), None);
    }
}
