//! English words without their endings: the algorithm of Porter (1980, "An algorithm for suffix
//! stripping", Program 14.3) with the changes that NLTK's stemmer makes by default, so that stems are
//! those of its METEOR.

/// Words whose stem does not follow from rules.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// The stem of a word in lower case.
pub fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
        return (*stem).to_owned();
    }
    if word.chars().count() <= 2 {
        return word.to_owned();
    }
    let mut word = Word(word.chars().collect());
    word.plural();
    word.past_and_participle();
    word.final_y();
    word.double_endings();
    word.measured(ENDINGS_3, 1);
    word.single_endings();
    word.final_e();
    if word.ends("ll") && Word(word.0[..word.0.len() - 1].to_vec()).measure() > 1 {
        word.0.pop();
    }
    word.0.into_iter().collect()
}

/// Step 2: what becomes of a double ending whose rest has a measure above 0. The first that fits decides.
const ENDINGS_2: &[(&str, &str)] = &[
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];

/// Step 3.
const ENDINGS_3: &[(&str, &str)] = &[
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Step 4: endings that fall where the rest has a measure above 1; `ion` only after s or t.
const ENDINGS_4: &[&str] = &[
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
];

struct Word(Vec<char>);

impl Word {
    fn ends(&self, ending: &str) -> bool {
        let count = ending.len();
        self.0.len() >= count && self.0[self.0.len() - count..].iter().copied().eq(ending.chars())
    }

    /// The word without so many letters.
    fn without(&self, letters: usize) -> Word {
        Word(self.0[..self.0.len() - letters].to_vec())
    }

    fn put(&mut self, without: usize, ending: &str) {
        self.0.truncate(self.0.len() - without);
        self.0.extend(ending.chars());
    }

    /// Which letters are consonants: all but a, e, i, o, u and a y after a consonant.
    fn consonants(&self) -> Vec<bool> {
        let mut flags: Vec<bool> = Vec::with_capacity(self.0.len());
        for letter in &self.0 {
            flags.push(match letter {
                'a' | 'e' | 'i' | 'o' | 'u' => false,
                'y' => flags.last().is_none_or(|before| !before),
                _ => true,
            });
        }
        flags
    }

    /// How often a vowel is followed by a consonant.
    fn measure(&self) -> usize {
        self.consonants().windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    fn has_vowel(&self) -> bool {
        self.consonants().contains(&false)
    }

    fn ends_with_double_consonant(&self) -> bool {
        let letters = self.0.len();
        letters >= 2
            && self.0[letters - 1] == self.0[letters - 2]
            && self.consonants().last() == Some(&true)
    }

    /// Consonant, vowel, consonant, the last being no w, x or y; or a word of vowel and consonant.
    fn ends_short(&self) -> bool {
        match self.consonants().as_slice() {
            [false, true] => true,
            [.., true, false, true] => !matches!(self.0.last(), Some('w' | 'x' | 'y')),
            _ => false,
        }
    }

    /// Step 1a.
    fn plural(&mut self) {
        let letters = self.0.len();
        match () {
            () if self.ends("ies") && letters == 4 => self.put(1, ""),
            () if self.ends("sses") || self.ends("ies") => self.put(2, ""),
            () if self.ends("ss") => {}
            () if self.ends("s") => self.put(1, ""),
            () => {}
        }
    }

    /// Step 1b.
    fn past_and_participle(&mut self) {
        if self.ends("ied") {
            return self.put(if self.0.len() == 4 { 1 } else { 2 }, "");
        }
        if self.ends("eed") {
            if self.without(3).measure() > 0 {
                self.put(1, "");
            }
            return;
        }
        let endings = ["ed", "ing"];
        let own = |ending: &&&str| self.ends(ending) && self.without(ending.len()).has_vowel();
        let Some(ending) = endings.iter().find(own) else { return };
        self.put(ending.len(), "");
        if ["at", "bl", "iz"].iter().any(|ending| self.ends(ending)) {
            self.put(0, "e");
        } else if self.ends_with_double_consonant() {
            if !matches!(self.0.last(), Some('l' | 's' | 'z')) {
                self.put(1, "");
            }
        } else if self.measure() == 1 && self.ends_short() {
            self.put(0, "e");
        }
    }

    /// Step 1c: y after a consonant, not in a word of two letters.
    fn final_y(&mut self) {
        if self.ends("y") && self.0.len() > 2 && self.without(1).consonants().last() == Some(&true)
        {
            self.put(1, "i");
        }
    }

    /// Step 2.
    fn double_endings(&mut self) {
        if self.ends("alli") && self.without(4).measure() > 0 {
            self.put(4, "al");
            return self.double_endings();
        }
        if !self.measured(ENDINGS_2, 1) && self.ends("logi") && self.without(3).measure() > 0 {
            self.put(1, "");
        }
    }

    /// Step 4.
    fn single_endings(&mut self) {
        let Some(ending) = ENDINGS_4.iter().find(|ending| self.ends(ending)) else { return };
        let rest = self.without(ending.len());
        let fits = *ending != "ion" || matches!(rest.0.last(), Some('s' | 't'));
        if rest.measure() > 1 && fits {
            *self = rest;
        }
    }

    /// Step 5a.
    fn final_e(&mut self) {
        if self.ends("e") {
            let rest = self.without(1);
            if rest.measure() > 1 || (rest.measure() == 1 && !rest.ends_short()) {
                *self = rest;
            }
        }
    }

    /// Replaces the first ending that fits where the rest has at least that measure; says whether one
    /// fits.
    fn measured(&mut self, endings: &[(&str, &str)], least: usize) -> bool {
        let Some((ending, with)) = endings.iter().find(|(ending, _)| self.ends(ending)) else {
            return false;
        };
        if self.without(ending.len()).measure() >= least {
            self.put(ending.len(), with);
        }
        true
    }
}
