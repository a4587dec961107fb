//! GetRecords bodies as AWS writes them, made once and then only numbered: serving costs the server next to nothing.
//!
//! Invariant: every change of the shard has a sequence number and an event ID of its own, rising with the pages.

use std::fmt::Write as _;

use crate::case::{Case, REGION};

/// Digits that stand for the page in each sequence number and event ID.
const PAGE_DIGITS: usize = 8;
const PLACEHOLDER: &str = "pppppppp";

/// One page with holes where its number goes.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    text: String,
    holes: Vec<usize>,
}

impl Template {
    /// A page of MODIFYs with both images, without its last brace: the next iterator goes there.
    pub(crate) fn new(case: &Case) -> Self {
        let mut text = String::from(r#"{"Records":["#);
        for index in 0..case.changes_per_page() {
            if index > 0 {
                text.push(',');
            }
            push_record(&mut text, index, case.item_bytes);
        }
        text.push(']');
        let holes = text.match_indices(PLACEHOLDER).map(|(at, _)| at).collect();
        Self { text, holes }
    }

    pub(crate) fn page(&self, page: usize, next: Option<usize>) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.text.len() + 64);
        body.extend_from_slice(self.text.as_bytes());
        let number = format!("{page:0PAGE_DIGITS$}");
        for &hole in &self.holes {
            body[hole..hole + PAGE_DIGITS].copy_from_slice(number.as_bytes());
        }
        if let Some(next) = next {
            body.extend_from_slice(format!(r#","NextShardIterator":"{next}""#).as_bytes());
        }
        body.push(b'}');
        body
    }
}

/// The fields, and their order, of a record that DynamoDB Streams sent.
fn push_record(text: &mut String, index: usize, item_bytes: usize) {
    let (old, new) = (item(index, "pending", item_bytes), item(index, "paid", item_bytes));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        r#"{{"awsRegion":"{REGION}","dynamodb":{{"ApproximateCreationDateTime":1.7E9,"Keys":{},"NewImage":{new},"OldImage":{old},"SequenceNumber":"4000000{PLACEHOLDER}{index:010}","SizeBytes":{},"StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventID":"{PLACEHOLDER}{index:024x}","eventName":"MODIFY","eventSource":"aws:dynamodb","eventVersion":"1.1"}}"#,
        keys(index),
        2 * item_bytes,
    );
}

fn keys(index: usize) -> String {
    format!(r#"{{"pk":{{"S":"customer#{index:08}"}},"sk":{{"S":"order#{index:012}"}}}}"#)
}

/// Ten attributes; what is missing to `bytes` are more lines of the order.
pub(crate) fn item(index: usize, status: &str, bytes: usize) -> String {
    let mut item = format!(
        r#"{{"pk":{{"S":"customer#{index:08}"}},"sk":{{"S":"order#{index:012}"}},"status":{{"S":"{status}"}},"total":{{"N":"{}.{:02}"}},"city":{{"S":"Oslo"}},"email":{{"S":"customer.{index:08}@example.com"}},"gift":{{"BOOL":false}},"tags":{{"SS":["new","web \"shop\""]}},"created":{{"S":"2026-01-02T03:04:05Z"}},"lines":{{"L":["#,
        index % 1000,
        index % 100,
    );
    let mut line = 0;
    while line == 0 || item.len() + 90 < bytes {
        if line > 0 {
            item.push(',');
        }
        // As above.
        let _ = write!(item, r#"{{"M":{{"sku":{{"S":"sku-{line:06}"}},"quantity":{{"N":"2"}},"price":{{"N":"19.99"}}}}}}"#);
        line += 1;
    }
    item.push_str("]}}");
    item
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tripline_core::slice::slice_page;

    use super::*;

    #[test]
    fn pages_are_whole_and_rise() {
        for item_bytes in [500, 5_000, 50_000] {
            let case = Case { item_bytes, ..Case::usual(3) };
            let template = Template::new(&case);
            let pages: Vec<_> = (0..3)
                .map(|page| slice_page(Arc::new(String::from_utf8(template.page(page, Some(page + 1))).unwrap())).unwrap())
                .collect();
            let changes: Vec<_> = pages.iter().flat_map(|page| &page.changes).collect();
            assert_eq!(changes.len(), case.changes());
            assert!(changes.is_sorted_by(|a, b| a.sequence_number < b.sequence_number && a.event_id < b.event_id));
            for change in changes {
                for image in [change.new_image_json(), change.old_image_json()] {
                    let bytes = image.unwrap().len();
                    assert!(bytes.abs_diff(item_bytes) <= item_bytes / 5, "{bytes} bytes for {item_bytes}");
                }
            }
        }
    }
}
