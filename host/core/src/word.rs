//! What was probably meant by a word that is not known.

/// What is longer is not compared.
const WORD_BYTES_MAX: usize = 100;

/// What was probably meant by `word`: the nearest of `known`, if it is near.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    near(word, known, |len| (len / 3).clamp(1, 3).min(len.saturating_sub(1)))
}

/// As `did_you_mean`, but for names beside which unknown ones may stand as well: two edits at most, and one of a short name.
pub fn misspelt<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    near(word, known, |len| (len / 3).clamp(1, 2).min(len.saturating_sub(1)))
}

/// `edits_max` is of the word's length in characters.
fn near<'k>(word: &str, known: impl IntoIterator<Item = &'k str>, edits_max: impl Fn(usize) -> usize) -> Option<&'k str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = alike(word);
    let edits_max = edits_max(word.len());
    known
        .into_iter()
        .map(|candidate| (edits(&word, &alike(candidate)), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn alike(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, meant: Option<&str>) {
        assert_eq!(did_you_mean(word, ["region", "role_arn", "endpoint", "table", "tables", "s"]), meant);
    }

    #[test]
    fn the_nearest_of_what_is_known_is_meant() {
        check("regoin", Some("region"));
        check("role-arn", Some("role_arn"));
        check("Endpoint", Some("endpoint"));
        check("tablees", Some("tables"));
        check("colour", None);
        check("x", None);
        check("", None);
        check("tabel", Some("table"));
        check(&"table".repeat(1_000_000), None);
    }

    #[test]
    fn a_name_is_misspelt_by_less() {
        let misspelt = |word| misspelt(word, ["endpoint_url", "keys"]);
        assert_eq!(["Endpoint_Ur", "endpoint-urls", "Keys", "kyes", "key"].map(misspelt).iter().flatten().count(), 5);
        assert_eq!(["endpoints", "endpoint", "kind", "kess_", "k"].map(misspelt), [None; 5]);
    }
}
