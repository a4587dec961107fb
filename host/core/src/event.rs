//! A change in the form in which Lambda hands it to a function: the stream's record and the ARN of its stream, on one line.
//!
//! Invariant: keys and values are bytes of the record; no number or string is written anew. What a view does not hold is left out.
//! A file of such lines is recorded traffic: what a plugin is tried on, and what other tools of the field read.

use crate::change::Change;
use crate::name::StreamArn;
use crate::view::{Attribute, ViewType, for_each_attribute};

const SOURCE_ARN: &str = "eventSourceARN";

/// `view`: as a trigger of this view would be shown it; none: all that the stream holds.
pub fn event_json(change: &Change, stream: &StreamArn, view: Option<ViewType>) -> String {
    let record = change.record_json();
    let mut event = Object::with_capacity(record.len() + stream.as_str().len() + SOURCE_ARN.len() + 8);
    // Slicing has walked this level and the next: both are JSON.
    let _ = for_each_attribute(record, |Attribute { name, value, .. }| match (&*name, view) {
        // Of an endpoint that sends it with the record: it stands once, at the end.
        (SOURCE_ARN, _) => {}
        ("dynamodb", Some(view)) => event.push(&name, &cut(value, view)),
        _ => event.push(&name, value),
    });
    event.push(SOURCE_ARN, &json_string(stream.as_str()));
    event.finish()
}

fn cut(data: &str, view: ViewType) -> String {
    let mut shown = Object::with_capacity(data.len());
    // As above.
    let _ = for_each_attribute(data, |Attribute { name, value, .. }| match &*name {
        "NewImage" if !view.has_new() => {}
        "OldImage" if !view.has_old() => {}
        "StreamViewType" => shown.push(&name, &json_string(view.as_aws())),
        _ => shown.push(&name, value),
    });
    shown.finish()
}

/// A JSON object as it is written.
struct Object(String);

impl Object {
    fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    fn push(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&json_string(name));
        self.0.push(':');
        // A line break stands only between tokens: inside a string JSON has none.
        self.0.extend(value.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::slice::slice_page;

    const RECORD: &str = r#"{"eventID":"e1","eventName":"MODIFY","awsRegion":"eu-west-1","eventSource":"aws:dynamodb",
        "dynamodb":{"ApproximateCreationDateTime":1.7E9,"Keys":{"k":{"S":"a"}},"NewImage":{"k":{"S":"a"},"n":{"N":"1.50"}},
        "OldImage":{"k":{"S":"a\u0020\""}},"SequenceNumber":"007","SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"}}"#;

    #[track_caller]
    fn check(record: &str, view: Option<ViewType>, expected: Expect) {
        let page = slice_page(Arc::new(format!("{{\"Records\":[{record}]}}"))).unwrap();
        let event = event_json(&page.changes[0], &"arn:x".into(), view);
        assert!(!event.contains(['\n', '\r']), "{event}");
        serde_json::from_str::<serde_json::Value>(&event).unwrap();
        // What was written can be read again, as the same change.
        let again = slice_page(Arc::new(format!("{{\"Records\":[{event}]}}"))).unwrap();
        assert_eq!(again.changes[0].sequence_number, page.changes[0].sequence_number);
        assert_eq!(again.changes[0].keys_json(), page.changes[0].keys_json());
        expected.assert_eq(&event);
    }

    #[test]
    fn the_whole_record_keeps_its_bytes_on_one_line() {
        check(
            RECORD,
            None,
            expect![[
                r#"{"eventID":"e1","eventName":"MODIFY","awsRegion":"eu-west-1","eventSource":"aws:dynamodb","dynamodb":{"ApproximateCreationDateTime":1.7E9,"Keys":{"k":{"S":"a"}},"NewImage":{"k":{"S":"a"},"n":{"N":"1.50"}},         "OldImage":{"k":{"S":"a\u0020\""}},"SequenceNumber":"007","SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn:x"}"#
            ]],
        );
    }

    #[test]
    fn a_view_leaves_out_what_it_does_not_hold_and_says_so() {
        check(
            RECORD,
            Some(ViewType::OldImage),
            expect![[
                r#"{"eventID":"e1","eventName":"MODIFY","awsRegion":"eu-west-1","eventSource":"aws:dynamodb","dynamodb":{"ApproximateCreationDateTime":1.7E9,"Keys":{"k":{"S":"a"}},"OldImage":{"k":{"S":"a\u0020\""}},"SequenceNumber":"007","SizeBytes":9,"StreamViewType":"OLD_IMAGE"},"eventSourceARN":"arn:x"}"#
            ]],
        );
        check(
            RECORD,
            Some(ViewType::KeysOnly),
            expect![[
                r#"{"eventID":"e1","eventName":"MODIFY","awsRegion":"eu-west-1","eventSource":"aws:dynamodb","dynamodb":{"ApproximateCreationDateTime":1.7E9,"Keys":{"k":{"S":"a"}},"SequenceNumber":"007","SizeBytes":9,"StreamViewType":"KEYS_ONLY"},"eventSourceARN":"arn:x"}"#
            ]],
        );
    }

    #[test]
    fn the_arn_stands_once() {
        check(
            r#"{"eventSourceARN":"theirs","eventName":"INSERT","dynamodb":{"Keys":{},"SequenceNumber":"1"}}"#,
            None,
            expect![[r#"{"eventName":"INSERT","dynamodb":{"Keys":{},"SequenceNumber":"1"},"eventSourceARN":"arn:x"}"#]],
        );
    }
}
