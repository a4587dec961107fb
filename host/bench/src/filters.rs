//! What triggers filter by in the table of filters. All but `Rare` let every change through, so that what is compared is the filters' cost alone.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tripline_core::filter::Pattern;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CaseFilters {
    None,
    /// One condition on one attribute.
    One,
    /// A pattern for each kind of test, on attributes of their own; nine of them fail.
    Ten,
    /// One attribute, and 5,000 values that it may have.
    Alternatives,
    /// Five patterns of two conditions, others for each trigger.
    Five,
    /// One change in a hundred.
    Rare,
}

const ALTERNATIVES: usize = 5_000;

/// Of one trigger.
pub(crate) fn patterns(filters: CaseFilters, trigger: usize) -> Result<Vec<Pattern>> {
    let new_image = |rest: &str| format!(r#"{{"dynamodb":{{"NewImage":{{{rest}}}}}}}"#);
    let paid = r#""status":{"S":["paid"]}"#;
    let texts: Vec<String> = match filters {
        CaseFilters::None => Vec::new(),
        CaseFilters::One => vec![new_image(paid)],
        CaseFilters::Ten => TEN.iter().map(|rest| new_image(rest)).collect(),
        CaseFilters::Alternatives => {
            let mut values: Vec<String> = (1..ALTERNATIVES).map(|index| format!(r#""status-{index}""#)).collect();
            values.push(r#""paid""#.to_owned());
            vec![new_image(&format!(r#""status":{{"S":[{}]}}"#, values.join(",")))]
        }
        CaseFilters::Five => (0..5)
            .map(|index| new_image(&format!(r#"{paid},"total":{{"N":[{{"numeric":[">=",-{}]}}]}}"#, 1 + 10 * trigger + index)))
            .collect(),
        CaseFilters::Rare => vec![new_image(r#""total":{"N":[{"wildcard":"*.07"}]}"#)],
    };
    Ok(texts.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>()?)
}

const TEN: [&str; 10] = [
    r#""status":{"S":["lost"]}"#,
    r#""total":{"N":[{"numeric":[">",1000]}]}"#,
    r#""city":{"S":[{"prefix":"Ber"}]}"#,
    r#""email":{"S":[{"suffix":"@example.org"}]}"#,
    r#""tags":{"SS":["old"]}"#,
    r#""gift":{"BOOL":[true]}"#,
    r#""email":{"S":[{"wildcard":"*+*@*"}]}"#,
    r#""created":{"S":[{"anything-but":{"prefix":"2026"}}]}"#,
    r#""refund":{"N":[{"exists":true}]}"#,
    r#""city":{"S":[{"equals-ignore-case":"OSLO"}]}"#,
];
