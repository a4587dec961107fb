//! What one change does to the counters: its item leaves the group it was in and enters the group it is in.
//!
//! Invariant: over changes from an item's INSERT on, the deltas of a counter add up to a group-by over the table. A change
//! that moves nothing makes no delta, and no group has more than one. Knows nothing of the host.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, One as _, Zero as _};

use crate::extract::Found;
use crate::settings::{Counter, Settings};
use crate::text;

/// What to add to one group of a counter. Never zero.
#[derive(Debug)]
pub(crate) struct Delta<'a> {
    pub(crate) counter: &'a Counter,
    /// Values, in the order of the counter's labels.
    pub(crate) labels: Vec<Cow<'a, str>>,
    pub(crate) amount: BigDecimal,
}

/// `old` and `new`: the item's images. The error says what of them could not be read.
pub(crate) fn of_change<'a>(settings: &'a Settings, old: Option<&'a str>, new: Option<&'a str>) -> Result<Vec<Delta<'a>>, String> {
    let mut deltas = Vec::new();
    if old == new {
        return Ok(deltas);
    }
    let read = |what, image: Option<&'a str>| {
        let found = image.map(|item| settings.wanted.read(item)).transpose();
        found.map_err(|error| format!("the {what} image is no DynamoDB item: {error}"))
    };
    let (old, new) = (read("old", old)?, read("new", new)?);
    for counter in &settings.counters {
        if let (Some(old), Some(new)) = (&old, &new)
            && reads_alike(counter, old, new)
        {
            continue;
        }
        let before = old.as_ref().map(|item| group(counter, item)).transpose()?;
        let after = new.as_ref().map(|item| group(counter, item)).transpose()?;
        let moved = match (before, after) {
            (Some((labels, before)), Some((same, after))) if labels == same => vec![(same, after - before)],
            (before, after) => before.map(|(labels, amount)| (labels, -amount)).into_iter().chain(after).collect(),
        };
        let moved = moved.into_iter().filter(|(_, amount)| !amount.is_zero());
        deltas.extend(moved.map(|(labels, amount)| Delta { counter, labels, amount }));
    }
    Ok(deltas)
}

/// Whether both images have the same bytes wherever `counter` looks: so it is for most changes.
fn reads_alike(counter: &Counter, old: &Found<'_>, new: &Found<'_>) -> bool {
    let slots = counter.labels.iter().map(|label| label.slot).chain(counter.sum);
    slots
        .into_iter()
        .all(|slot| old[slot].map(|value| value.get()) == new[slot].map(|value| value.get()))
}

/// The group that an item is in, and what it adds there.
fn group<'a>(counter: &'a Counter, item: &Found<'a>) -> Result<(Vec<Cow<'a, str>>, BigDecimal), String> {
    let unreadable = |error| format!("counter `{}`: an attribute is no DynamoDB value: {error}", counter.name);
    let labels = counter.labels.iter().map(|label| match item[label.slot] {
        Some(value) => text::label(value).map_err(unreadable),
        None => Ok(Cow::Borrowed(&*counter.missing)),
    });
    let amount = match counter.sum {
        None => BigDecimal::one(),
        Some(slot) => match item[slot] {
            Some(value) => text::number(value).map_err(unreadable)?.unwrap_or_default(),
            None => BigDecimal::zero(),
        },
    };
    Ok((labels.collect::<Result<_, _>>()?, amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"[
        {"name":"orders","by":["status"],"missing":"none"},
        {"name":"revenue","by":["status","address.city"],"sum":"total"}
    ]"#;

    /// `expected`: the deltas, one per line.
    #[track_caller]
    fn check(old: Option<&str>, new: Option<&str>, expected: &[&str]) {
        let settings = Settings::parse(SETTINGS).unwrap();
        let deltas: Vec<_> = of_change(&settings, old, new)
            .unwrap()
            .into_iter()
            .map(|delta| format!("{} {} {}", delta.counter.name, delta.labels.join("|"), text::plain(&delta.amount)))
            .collect();
        assert_eq!(deltas, expected);
    }

    const PAID: &str = r#"{"id":{"S":"1"},"status":{"S":"paid"},"address":{"M":{"city":{"S":"Oslo"}}},"total":{"N":"19.99"}}"#;
    const PAID_MORE: &str = r#"{"id":{"S":"1"},"status":{"S":"paid"},"address":{"M":{"city":{"S":"Oslo"}}},"total":{"N":"20.00"}}"#;
    const SHIPPED: &str = r#"{"status":{"S":"shipped"},"address":{"M":{"city":{"S":"Oslo"}}},"total":{"N":"19.99"}}"#;
    const BARE: &str = r#"{"id":{"S":"1"},"total":{"S":"a lot"}}"#;

    #[test]
    fn an_item_enters_and_leaves_its_group() {
        check(None, Some(PAID), &["orders paid 1", "revenue paid|Oslo 19.99"]);
        check(Some(PAID), None, &["orders paid -1", "revenue paid|Oslo -19.99"]);
    }

    #[test]
    fn a_modified_item_moves() {
        check(Some(PAID), Some(SHIPPED), &["orders paid -1", "orders shipped 1", "revenue paid|Oslo -19.99", "revenue shipped|Oslo 19.99"]);
    }

    #[test]
    fn what_stays_in_its_group_adds_the_difference() {
        check(Some(PAID), Some(PAID_MORE), &["revenue paid|Oslo 0.01"]);
        check(Some(PAID_MORE), Some(PAID), &["revenue paid|Oslo -0.01"]);
    }

    #[test]
    fn what_moves_nothing_makes_no_delta() {
        check(Some(PAID), Some(PAID), &[]);
        check(Some(PAID), Some(&PAID.replace("19.99", "19.990")), &[]);
        check(Some(PAID), Some(&PAID.replace(r#""id""#, r#""note""#)), &[]);
        check(None, None, &[]);
    }

    #[test]
    fn what_lacks_an_attribute_has_a_group_too() {
        check(None, Some(BARE), &["orders none 1"]);
        check(Some(BARE), Some(PAID), &["orders none -1", "orders paid 1", "revenue paid|Oslo 19.99"]);
    }
}
