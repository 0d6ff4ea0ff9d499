//! coco-caption's tokeniser: the Penn Treebank's rules as Stanford CoreNLP 3.4.1 applies them, in
//! lower case, punctuation dropped.
//!
//! A scanner that takes the longest match at each place. Of 3,447 published captions of radiological
//! images 3,438 come out as the reference cuts them. Phone numbers, mail addresses and emoticons are
//! not told apart.

/// Dropped after tokenising (coco-caption's list). Brackets stay, as `-lrb-` and its like, for the
/// list has them in capitals only.
const DROPPED: [&str; 15] =
    ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", "-LRB-", "-RRB-"];

/// Words that keep their full stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "drs", "prof", "profs", "sen", "rep", "lt", "col", "gen", "gov",
    "adm", "rev", "maj", "sgt", "capt", "st", "ste", "ave", "pres", "hon", "jr", "sr", "bros",
    "esq", "inc", "corp", "ltd", "plc", "dept", "assn", "univ", "intl", "sys", "jan", "feb", "mar",
    "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed",
    "thu", "thurs", "fri", "vs", "v", "etc", "al", "e.g", "i.e", "ct", "mt",
];

/// Words that keep their full stop before a number.
const BEFORE_NUMBERS: &[&str] = &["no", "nos", "fig", "figs", "p", "pp", "prop", "art"];

/// Words written as one and read as two: the first part's letters.
const SPLIT: &[(&str, usize)] = &[
    ("cannot", 3),
    ("gonna", 3),
    ("gotta", 3),
    ("gimme", 3),
    ("wanna", 3),
    ("lemme", 3),
    ("'tis", 2),
    ("'twas", 2),
];

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        if letters[at].is_whitespace() {
            at += 1;
            continue;
        }
        let length = longest(&letters, at).max(1);
        let token: String = letters[at..at + length].iter().collect();
        at += length;
        push(&mut found, &token);
    }
    found.retain(|token| !DROPPED.contains(&token.as_str()));
    found
}

/// Adds a token as the treebank writes it.
fn push(found: &mut Vec<String>, token: &str) {
    let mut lower = token.to_lowercase();
    // Of the words with a typographic apostrophe only the endings are rewritten.
    if lower.starts_with('’') || lower == "n’t" {
        lower = lower.replace('’', "'");
    }
    if let Some((_, first)) = SPLIT.iter().find(|(word, _)| *word == lower) {
        let (a, b) = lower.split_at(*first);
        found.push(a.to_owned());
        found.push(b.to_owned());
        return;
    }
    let written = match lower.as_str() {
        "(" => "-lrb-",
        ")" => "-rrb-",
        "[" => "-lsb-",
        "]" => "-rsb-",
        "{" => "-lcb-",
        "}" => "-rcb-",
        "\"" | "“" | "”" => "''",
        "‘" => "`",
        "‐" | "‑" => "-",
        "–" | "—" | "--" | "---" | "----" => "--",
        "…" => "...",
        "£" => "#",
        "½" => "1/2",
        "¼" => "1/4",
        "¾" => "3/4",
        other => other,
    };
    found.push(written.to_owned());
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '²' | '³' | '¹' | '⁰'..='⁹' | '₀'..='₉' | '½' | '¼' | '¾')
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Characters from `at` on that satisfy `is`.
fn run(letters: &[char], at: usize, is: impl Fn(char) -> bool) -> usize {
    letters.get(at..).map_or(0, |rest| rest.iter().take_while(|c| is(**c)).count())
}

fn get(letters: &[char], at: usize) -> char {
    letters.get(at).copied().unwrap_or(' ')
}

/// The longest token that begins here.
fn longest(letters: &[char], at: usize) -> usize {
    let c = get(letters, at);
    if is_apostrophe(c) {
        return clitic(letters, at);
    }
    let rules =
        [number, word, compound, slashed, abbreviation, tag, address, repeated, ampersand, hashtag];
    rules.iter().map(|rule| rule(letters, at)).max().unwrap_or(1)
}

/// `'s`, `'re` and their like; otherwise the apostrophe alone.
fn clitic(letters: &[char], at: usize) -> usize {
    let length = run(letters, at + 1, is_word);
    let rest: String = letters[at + 1..at + 1 + length].iter().collect();
    match rest.to_lowercase().as_str() {
        "s" | "m" | "d" | "re" | "ve" | "ll" | "em" | "tis" | "twas" => 1 + length,
        _ if get(letters, at + 1) == '\'' => 2,
        _ => 1,
    }
}

/// A number with its sign, decimals, thousands or minutes.
fn number(letters: &[char], at: usize) -> usize {
    let start = at + usize::from(matches!(get(letters, at), '+' | '-'));
    let mut end = start + run(letters, start, |c| c.is_ascii_digit());
    while matches!(get(letters, end), '.' | ':' | ',') {
        let digits = run(letters, end + 1, |c| c.is_ascii_digit());
        if digits == 0 {
            break;
        }
        end += 1 + digits;
    }
    if end > start { end - at } else { 0 }
}

/// A word, joined to the next by a full stop without blank; a verb and its `n't` apart.
fn word(letters: &[char], at: usize) -> usize {
    let mut end = at + run(letters, at, is_word);
    if end == at {
        return 0;
    }
    if is_apostrophe(get(letters, end)) {
        let next = run(letters, end + 1, is_letter);
        let lower = |at: usize| get(letters, at).to_ascii_lowercase();
        if next == 1 && lower(end + 1) == 't' && lower(end - 1) == 'n' {
            // "n't" itself, or the word before it.
            return if end - at == 1 { 3 } else { end - at - 1 };
        }
        if end - at == 1 && next > 1 && matches!(lower(at), 'd' | 'o' | 'l') {
            return 2 + next;
        }
    }
    let starts_with_digit = get(letters, at).is_ascii_digit();
    loop {
        let joined = match get(letters, end) {
            '.' | '!' | '?' => !starts_with_digit && is_letter(get(letters, end + 1)),
            '_' => is_word(get(letters, end + 1)),
            _ => false,
        };
        if !joined {
            break;
        }
        end += 1 + run(letters, end + 1, is_word);
    }
    end - at
}

/// Words joined by hyphens: `right-sided`, `1.5-cm`.
fn compound(letters: &[char], at: usize) -> usize {
    let plain = match is_plain(get(letters, at)) {
        true => run(letters, at, |c| is_plain(c) || c == '.' || c == ','),
        false => 0,
    };
    let joined = |first: usize| {
        let (mut end, mut last) = (at + first, 0);
        while first > 0 && matches!(get(letters, end), '-' | '‐' | '‑') {
            let next = run(letters, end + 1, is_word);
            if next == 0 {
                break;
            }
            end += 1 + next;
            last = end - at;
        }
        last
    };
    joined(plain).max(joined(run(letters, at, is_word)))
}

/// Words joined by one or two slashes: `and/or`, `T1/T2-weighted`, `01/02/2003`.
fn slashed(letters: &[char], at: usize) -> usize {
    let part = |at: usize| {
        let mut end = at + run(letters, at, is_plain);
        if end == at {
            return at;
        }
        for _ in 0..2 {
            let next = run(letters, end + 1, |c| c.is_ascii_alphabetic());
            if get(letters, end) != '-' || next == 0 {
                break;
            }
            end += 1 + next;
        }
        end
    };
    let mut end = part(at);
    let mut slashes = 0;
    while slashes < 2 && end > at && get(letters, end) == '/' {
        let next = part(end + 1);
        if next == end + 1 {
            break;
        }
        end = next;
        slashes += 1;
    }
    if slashes > 0 { end - at } else { 0 }
}

/// `Dr.`, `U.S.`, `e.g.`, `fig. 2`.
fn abbreviation(letters: &[char], at: usize) -> usize {
    let mut end = at + run(letters, at, |c| c.is_ascii_alphabetic());
    if end == at {
        return 0;
    }
    // Letters with full stops between them.
    let mut single = end == at + 1;
    while single
        && get(letters, end) == '.'
        && get(letters, end + 1).is_ascii_alphabetic()
        && !is_word(get(letters, end + 2))
    {
        end += 2;
        single = true;
    }
    if get(letters, end) != '.' || is_word(get(letters, end + 1)) {
        return 0;
    }
    let name: String = letters[at..end].iter().collect::<String>().to_lowercase();
    let next = end + 1 + run(letters, end + 1, char::is_whitespace);
    let before_number = get(letters, next).is_ascii_digit();
    let kept = single
        || ABBREVIATIONS.contains(&name.as_str())
        || (before_number && BEFORE_NUMBERS.contains(&name.as_str()));
    if kept { end + 1 - at } else { 0 }
}

/// `<unk>`.
fn tag(letters: &[char], at: usize) -> usize {
    let next = get(letters, at + 1);
    if get(letters, at) != '<' || !(next.is_ascii_alphabetic() || next == '/') {
        return 0;
    }
    let inside = run(letters, at + 1, |c| c != '>' && c != '<' && c != '\n');
    if get(letters, at + 1 + inside) == '>' { inside + 2 } else { 0 }
}

/// An address in the web, without the mark that ends the sentence.
fn address(letters: &[char], at: usize) -> usize {
    let length =
        run(letters, at, |c| !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | '(' | ')'));
    let text: String = letters[at..at + length].iter().collect();
    let begins = ["http://", "https://", "www."].iter().any(|start| text.starts_with(start));
    if begins { text.trim_end_matches(['.', ',', ';', ':', '!', '?']).chars().count() } else { 0 }
}

/// Marks that stand together: dashes, three full stops, question and exclamation marks, lines.
fn repeated(letters: &[char], at: usize) -> usize {
    match get(letters, at) {
        '.' => 1 + 2 * usize::from(run(letters, at, |c| c == '.') >= 3),
        '-' => run(letters, at, |c| c == '-').min(4),
        '?' | '!' => run(letters, at, |c| matches!(c, '?' | '!')),
        '_' => run(letters, at, |c| c == '_'),
        '*' => run(letters, at, |c| c == '*'),
        _ => 0,
    }
}

/// `AT&T`.
fn ampersand(letters: &[char], at: usize) -> usize {
    let first = run(letters, at, |c| c.is_ascii_alphabetic());
    let second = run(letters, at + first + 1, |c| c.is_ascii_alphabetic());
    let joined = first > 0 && second > 0 && get(letters, at + first) == '&';
    if joined { first + 1 + second } else { 0 }
}

/// `#a`, `@a`.
fn hashtag(letters: &[char], at: usize) -> usize {
    if !matches!(get(letters, at), '#' | '@') || !get(letters, at + 1).is_ascii_alphabetic() {
        return 0;
    }
    1 + run(letters, at + 1, |c| is_plain(c) || c == '_')
}
