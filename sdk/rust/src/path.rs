//! Attribute paths such as `address.lines[0]`, and `"a.b".c` for a name that holds a dot.
//!
//! For plugins whose settings name attributes: one grammar for all of them.
//!
//! Invariant: a path begins with a name, and no name is empty. Knows nothing of items.

/// What leads one level deeper into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a map, or into the item itself.
    Name(Box<str>),
    /// Into a list, from 0.
    Index(usize),
}

/// Leads from an item to one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// The error says what is wrong with `text` and how it could be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_steps(text).map(Self).map_err(|why| {
            format!("`{text}` is no attribute path: {why}; write a path as `address.lines[0]`, a name with a dot as `\"a.b\".c`")
        })
    }

    /// At least one, the first a name.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn parse_steps(text: &str) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = take_name(rest)?;
            steps.push(Step::Name(name.into()));
            rest = after;
            while let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or("`[` without `]`")?;
                let digits = index.bytes().all(|b| b.is_ascii_digit());
                let index = index.parse().ok().filter(|_| digits).ok_or(format!("`[{index}]` is no index"))?;
                steps.push(Step::Index(index));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(steps),
                None => return Err(format!("`{rest}` stands where `.`, `[` or the end was expected")),
            }
        }
    }
}

/// A name at the start of `text`, and what follows it.
fn take_name(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
        return match end {
            0 => Err("a name is empty".into()),
            _ => Ok((text[..end].into(), &text[end..])),
        };
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' if name.is_empty() => return Err("a name is empty".into()),
            '"' => return Ok((name, &quoted[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => name.push(escaped),
                _ => return Err("in quotes, a backslash stands only before a quote or a backslash".into()),
            },
            _ => name.push(character),
        }
    }
    Err("a quote is not closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: the steps, names in quotes and indexes without.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let steps = Path::parse(text).unwrap();
        let steps: Vec<_> = steps
            .steps()
            .iter()
            .map(|step| match step {
                Step::Name(name) => format!("{name:?}"),
                Step::Index(index) => index.to_string(),
            })
            .collect();
        assert_eq!(steps.join(" "), expected);
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        let refusal = Path::parse(text).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
        assert!(refusal.contains(&format!("`{text}`")), "{refusal}");
    }

    #[test]
    fn names_and_indexes() {
        check("status", r#""status""#);
        check("a.b[2].c", r#""a" "b" 2 "c""#);
        check("matrix[1][0]", r#""matrix" 1 0"#);
        check("first name.é-x_1", r#""first name" "é-x_1""#);
    }

    #[test]
    fn quotes_hold_dots_brackets_and_quotes() {
        check(r#""a.b".c"#, r#""a.b" "c""#);
        check(r#"x."a[0]"[3]"#, r#""x" "a[0]" 3"#);
        check(r#""say \"hi\" \\o""#, r#""say \"hi\" \\o""#);
    }

    #[test]
    fn refusals_say_why() {
        check_refused("", "a name is empty");
        check_refused("a..b", "a name is empty");
        check_refused("a.", "a name is empty");
        check_refused("[0]", "a name is empty");
        check_refused(r#""".a"#, "a name is empty");
        check_refused("a[x]", "`[x]` is no index");
        check_refused("a[-1]", "`[-1]` is no index");
        check_refused("a[+1]", "`[+1]` is no index");
        check_refused("a[]", "`[]` is no index");
        check_refused("a[1", "`[` without `]`");
        check_refused("a[1]b", "`b` stands where");
        check_refused("a]", "`]` stands where");
        check_refused(r#""a"#, "a quote is not closed");
        check_refused(r#""a\n""#, "a backslash stands only before");
    }
}
