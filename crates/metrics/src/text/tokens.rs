//! How a text is cut into words.

use super::ptb;

/// A way to cut a text into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// As coco-caption does: the Penn Treebank's rules in lower case, punctuation dropped.
    Ptb,
    /// At blanks, nothing else; as many papers on report generation do (R2Gen and its kin), full stops
    /// being words.
    Space,
    /// Each Chinese character a word; letters and digits that stand together are one word, in lower
    /// case; punctuation and blanks are dropped.
    Characters,
}

/// The words of a text.
pub fn tokens(text: &str, how: Tokens) -> Vec<String> {
    match how {
        Tokens::Ptb => ptb::tokens(text),
        Tokens::Space => text.split_whitespace().map(str::to_owned).collect(),
        Tokens::Characters => characters(text),
    }
}

/// More than half of the letters are Chinese characters.
pub fn is_mostly_chinese(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let chinese = text.chars().filter(|c| is_ideograph(*c)).count();
    2 * chinese > letters
}

/// Chinese characters, rare ones included.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn characters(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        if is_ideograph(c) {
            words.push(c.to_string());
            open = false;
            continue;
        }
        // 1.5 stays together.
        let decimal = c == '.'
            && open
            && words.last().is_some_and(|word| word.ends_with(|d: char| d.is_ascii_digit()))
            && letters.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() || decimal {
            if !open {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
            open = true;
        } else {
            open = false;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_cut_by_character() {
        let found = tokens("两肺见1.5cm结节，CT值约40HU。 ", Tokens::Characters);
        let expected = ["两", "肺", "见", "1.5cm", "结", "节", "ct", "值", "约", "40hu"];
        assert_eq!(found, expected);
        assert!(is_mostly_chinese("双肺CT平扫未见异常"));
        assert!(!is_mostly_chinese("no acute finding 无"));
        assert_eq!(tokens(" a  b. ", Tokens::Space), ["a", "b."]);
    }
}
