//! `wildcard`: text in which `*` stands for any characters, none included; `\*` and `\\` stand for themselves.

/// Text that begins with the first piece, ends with the last, and has the others between them in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Wildcard {
    /// What the stars part; one piece: there is no star.
    pieces: Box<[Box<str>]>,
}

impl Wildcard {
    /// Err: what is wrong with it, and what to do.
    pub(crate) fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let escaped = chars.next_if(|next| char == '\\' && matches!(next, '*' | '\\'));
            match (char, escaped) {
                (_, Some(escaped)) => push(&mut pieces, escaped),
                ('\\', None) => {
                    return Err((
                        "a backslash in a wildcard stands before `*` or another backslash",
                        r"write `\\\\` in the JSON for one backslash",
                    ));
                }
                ('*', None) if chars.peek() == Some(&'*') => return Err(("two stars in a row are one", "write one `*`")),
                ('*', None) => pieces.push(String::new()),
                (char, None) => push(&mut pieces, char),
            }
        }
        Ok(Self { pieces: pieces.into_iter().map(String::into_boxed_str).collect() })
    }

    /// Linear in the text for each piece: a piece is best taken where it comes first.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (first, last) = match &*self.pieces {
            [] => return false,
            [only] => return **only == *text,
            [first, .., last] => (first, last),
        };
        let Some(mut rest) = text.strip_prefix(&**first) else { return false };
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            match rest.split_once(&**piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(&**last)
    }

    /// What every text has in it that matches; may be empty.
    pub(crate) fn longest_piece(&self) -> &str {
        self.pieces.iter().max_by_key(|piece| piece.len()).map_or("", |piece| piece)
    }
}

fn push(pieces: &mut [String], char: char) {
    if let Some(piece) = pieces.last_mut() {
        piece.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_lambda_refuses() {
        for text in ["**", "a**b", r"a\b", r"\"] {
            assert!(Wildcard::parse(text).is_err(), "{text}");
        }
        assert_eq!(Wildcard::parse(r"a*\*\\b").unwrap().longest_piece(), r"*\b");
    }

    /// Against a matcher that tries everything.
    #[test]
    fn agrees_with_one_that_tries_all() {
        fn naive(pattern: &[char], text: &[char]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some(('*', rest)) => (0..=text.len()).any(|from| naive(rest, &text[from..])),
                Some((char, rest)) => text.first() == Some(char) && naive(rest, &text[1..]),
            }
        }
        let mut random = fastrand::Rng::with_seed(7);
        let mut text = |of: &[char], len: usize| -> Vec<char> { (0..random.usize(0..len)).map(|_| *random.choice(of).unwrap()).collect() };
        let mut matched = 0;
        for _ in 0..50_000 {
            let mut pattern = text(&['*', 'a', 'b', 'é'], 8);
            pattern.dedup_by(|next, char| *next == '*' && *char == '*');
            let subject = text(&['a', 'b', 'é'], 9);
            let wildcard = Wildcard::parse(&pattern.iter().collect::<String>()).unwrap();
            let matches = wildcard.matches(&subject.iter().collect::<String>());
            assert_eq!(matches, naive(&pattern, &subject), "{pattern:?} {subject:?}");
            matched += u32::from(matches);
        }
        assert!(matched > 5_000, "{matched}");
    }
}
