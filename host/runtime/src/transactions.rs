//! The tokens of one call's transactions: by them DynamoDB knows one that it has made already.
//!
//! Always holds: the same transaction of the same change has the same token, in whatever batch and at whatever attempt the change is delivered, and
//! within one call until it has been made; another change, another content, or the same content once more has another.
//! So a token is never given to two contents, which DynamoDB would refuse. For that each transaction is brought into one form before: a change that is read
//! again may have its attributes in another order, and so may what a guest's hash map writes.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tripline_core::canonical::canonical;
use tripline_core::port::{Placeholders, TableWrite, Transact, TransactAction, WriteOperation};

use crate::text;

/// DynamoDB takes tokens of 36 characters: two for each byte.
const TOKEN_BYTES: usize = 18;

type Hash = [u8; 32];

/// For which change a transaction is made.
pub(crate) struct Origin<'a> {
    pub(crate) trigger: &'a str,
    /// Event IDs are unique within a stream.
    pub(crate) stream: &'a str,
    pub(crate) event_id: &'a str,
}

/// How often each transaction has been made in this call.
#[derive(Debug, Default)]
pub(crate) struct Transactions(HashMap<Hash, u64>);

/// One that is to be made.
pub(crate) struct Next {
    content: Hash,
    /// 0 for the first of this content.
    nth: u64,
}

impl Transactions {
    pub(crate) fn next(&self, origin: &Origin<'_>, writes: &[Transact]) -> Next {
        let mut content = Parts(Sha256::new());
        for part in [origin.trigger, origin.stream, origin.event_id] {
            content.text(part);
        }
        for write in writes {
            content.write(write);
        }
        let content: Hash = content.0.finalize().into();
        Next { content, nth: self.0.get(&content).copied().unwrap_or_default() }
    }

    pub(crate) fn made(&mut self, made: Next) {
        self.0.insert(made.content, made.nth + 1);
    }
}

impl Next {
    pub(crate) fn token(&self) -> String {
        let hash = Sha256::new().chain_update(self.content).chain_update(self.nth.to_be_bytes()).finalize();
        text::hex(&hash[..TOKEN_BYTES])
    }
}

/// What has no form is DynamoDB's to refuse, as it is.
pub(crate) fn in_one_form(mut write: Transact) -> Transact {
    let (json, placeholders) = match &mut write.action {
        TransactAction::Check { key, placeholders, .. } => (key, placeholders),
        TransactAction::Write(TableWrite { operation, placeholders, .. }) => match operation {
            WriteOperation::Put(json) | WriteOperation::Delete(json) | WriteOperation::Update { key: json, .. } => (json, placeholders),
        },
    };
    placeholders.names.sort_unstable();
    for json in placeholders.values.iter_mut().chain([json]) {
        if let Some(form) = canonical(json) {
            *json = form;
        }
    }
    write
}

/// Lengths first, so that no two contents run together into the same bytes.
struct Parts(Sha256);

impl Parts {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.update([u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn write(&mut self, Transact { spot, action }: &Transact) {
        self.text(&spot.home);
        self.text(&spot.table);
        let (kind, json, expression, condition, placeholders) = match action {
            TransactAction::Check { key, condition, placeholders } => ("check", key, None, Some(condition), placeholders),
            TransactAction::Write(write) => {
                let (kind, json, expression) = match &write.operation {
                    WriteOperation::Put(item) => ("put", item, None),
                    WriteOperation::Update { key, expression } => ("update", key, Some(expression)),
                    WriteOperation::Delete(key) => ("delete", key, None),
                };
                (kind, json, expression, write.condition.as_ref(), &write.placeholders)
            }
        };
        self.text(kind);
        self.text(json);
        self.optional(expression.map(String::as_str));
        self.optional(condition.map(String::as_str));
        self.placeholders(placeholders);
    }

    fn placeholders(&mut self, Placeholders { names, values }: &Placeholders) {
        self.0.update((names.len() as u64).to_be_bytes());
        for (placeholder, name) in names {
            self.text(placeholder);
            self.text(name);
        }
        self.optional(values.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use tripline_core::port::{TableSpot, TableWrite};

    use super::*;

    fn write(table: &str, operation: WriteOperation, names: &[(&str, &str)], values: Option<&str>) -> Transact {
        let spot = Arc::new(TableSpot { home: "h".into(), table: table.into(), keys: Box::default() });
        let names = names.iter().map(|(placeholder, name)| ((*placeholder).to_owned(), (*name).to_owned())).collect();
        let placeholders = Placeholders { names, values: values.map(str::to_owned) };
        Transact { spot, action: TransactAction::Write(TableWrite { operation, condition: None, placeholders }) }
    }

    fn origin<'a>(trigger: &'a str, event_id: &'a str) -> Origin<'a> {
        Origin { trigger, stream: "s", event_id }
    }

    fn put(item: &str) -> Transact {
        write("t", WriteOperation::Put(item.to_owned()), &[], None)
    }

    #[test]
    fn another_change_or_another_content_has_another_token() {
        let update = |key: &str, expression: &str, names: &[(&str, &str)], values| {
            write("t", WriteOperation::Update { key: key.to_owned(), expression: expression.to_owned() }, names, values)
        };
        let check = TransactAction::Check { key: "a".to_owned(), condition: String::new(), placeholders: Placeholders::default() };
        let contents = [
            ("t", "e1", vec![put("a")]),
            ("t", "e2", vec![put("a")]),
            ("te", "1", vec![put("a")]),
            ("t", "e1", vec![put("b")]),
            ("t", "e1", vec![put("a"), put("b")]),
            ("t", "e1", vec![put("b"), put("a")]),
            ("t", "e1", vec![write("u", WriteOperation::Put("a".to_owned()), &[], None)]),
            ("t", "e1", vec![write("t", WriteOperation::Delete("a".to_owned()), &[], None)]),
            ("t", "e1", vec![update("a", "", &[], None)]),
            ("t", "e1", vec![update("a", "x", &[("#a", "b")], None)]),
            ("t", "e1", vec![update("a", "x", &[("#a", "c")], None)]),
            ("t", "e1", vec![update("a", "x", &[], Some("{}"))]),
            ("t", "e1", vec![Transact { action: check, ..put("a") }]),
        ];
        let transactions = Transactions::default();
        let token =
            |(trigger, event_id, writes): &(&str, &str, Vec<Transact>)| transactions.next(&origin(trigger, event_id), writes).token();
        let tokens: BTreeSet<String> = contents.iter().map(token).collect();
        assert_eq!(tokens.len(), contents.len());
        assert!(tokens.iter().all(|token| token.len() == 36));
    }

    #[test]
    fn whatever_order_a_hash_map_has_the_transaction_is_one() {
        let operation = |key: &str| WriteOperation::Update { key: key.to_owned(), expression: "x".to_owned() };
        let one = write(
            "t",
            operation(r#"{"a":{"S":"1"},"b":{"N":"2"}}"#),
            &[("#a", "a"), ("#b", "b")],
            Some(r#"{":v":{"SS":["x","y"]},":w":{"N":"1"}}"#),
        );
        let other = write(
            "t",
            operation(r#"{ "b":{"N":"2"}, "a":{"S":"1"} }"#),
            &[("#b", "b"), ("#a", "a")],
            Some(r#"{":w":{"N":"1"},":v":{"SS":["y","x"]}}"#),
        );
        let (one, other) = (in_one_form(one), in_one_form(other));
        assert_eq!(one.action, other.action);
        let token = |write: Transact| Transactions::default().next(&origin("t", "e"), &[write]).token();
        assert_eq!(token(one), token(other));
        let strange = put("no JSON");
        assert_eq!(in_one_form(strange.clone()).action, strange.action);
    }

    #[test]
    fn a_token_is_the_same_until_its_transaction_is_made() {
        let mut transactions = Transactions::default();
        let next = |transactions: &Transactions| transactions.next(&origin("t", "e"), &[put("a")]);
        let first = next(&transactions);
        assert_eq!(first.token(), next(&transactions).token());
        let token = first.token();
        transactions.made(first);
        let second = next(&transactions).token();
        assert_ne!(second, token);
        // Delivered again, it all begins as before.
        assert_eq!(next(&Transactions::default()).token(), token);
    }
}
