//! Bodies of the requests that write, around JSON that a guest wrote.
//!
//! Invariant: every piece of the guest's is one whole JSON object, so that nothing of it can end up beside it, such as
//! another TableName; and the item's bytes are sent as they came. What DynamoDB thinks of the values is DynamoDB's to say.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tripline_core::port::{Placeholders, TableSpot, TableWrite, Transact, TransactAction, Transaction, WriteOperation};

use super::anywhere;
use super::key::{ItemKey, item_key, object};

/// DynamoDB takes no larger request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const ITEM_MAX: &str = "items up to 400 KB";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Put,
    Update,
    Delete,
}

#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) action: Action,
    pub(super) body: Bytes,
}

/// A write of its own, or one of a transaction: both have these members.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_names: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_values: Option<&'a RawValue>,
}

#[derive(Serialize)]
enum TransactItem<'a> {
    Put(Request<'a>),
    Update(Request<'a>),
    Delete(Request<'a>),
    ConditionCheck(Request<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TransactRequest<'a> {
    client_request_token: &'a str,
    transact_items: Vec<TransactItem<'a>>,
}

/// `Err` says what is wrong with the guest's write.
pub(super) fn prepare(spot: &TableSpot, write: &TableWrite) -> Result<(ItemKey, Prepared), String> {
    let (action, key, request) = request(spot, write)?;
    Ok((key, Prepared { action, body: bounded(&request, ITEM_MAX)? }))
}

/// What is in it DynamoDB counts by itself, and by less: a short attribute's JSON has several times its bytes.
fn bounded(request: &impl Serialize, takes: &str) -> Result<Bytes, String> {
    let body = serde_json::to_vec(request).map_err(|error| error.to_string())?;
    if body.len() > BODY_BYTES_MAX {
        return Err(format!("the request has {} bytes; DynamoDB takes {BODY_BYTES_MAX}, and {takes}", body.len()));
    }
    Ok(body.into())
}

/// `Err` says what is wrong with the guest's transaction, and with which of its writes.
pub(super) fn prepare_transaction(transaction: &Transaction) -> Result<Bytes, String> {
    let items = transaction.writes.iter().enumerate();
    let items = items.map(|(index, write)| transact_item(write).map_err(|reason| format!("write {index}: {reason}")));
    let request = TransactRequest { client_request_token: &transaction.token, transact_items: items.collect::<Result<_, _>>()? };
    bounded(&request, "4 MB in all items of a transaction")
}

/// What a write must be for any table, whatever its key: `Err` says what is wrong with it.
pub fn check(write: &TableWrite) -> Result<(), String> {
    let spot = unknown();
    let (action, _, request) = request(&spot, write)?;
    bounded(&request, ITEM_MAX)?;
    match (action, request.item, request.key) {
        (Action::Put, Some(item), _) => anywhere::item(item).map_err(|reason| format!("the item: {reason}")),
        (_, _, key) => key.map_or(Ok(()), anywhere::key).map_err(|reason| format!("the key: {reason}")),
    }
}

/// As `check`, for one write of a transaction.
pub fn check_transact(action: &TransactAction) -> Result<(), String> {
    match action {
        TransactAction::Write(write) => check(write),
        TransactAction::Check { key, placeholders, .. } => {
            check_request(&unknown(), key, placeholders)?;
            anywhere::check_key(key).map_err(|reason| format!("the key: {reason}"))
        }
    }
}

/// A table whose key nobody knows.
fn unknown() -> TableSpot {
    TableSpot { home: Box::default(), table: Box::default(), keys: Box::default() }
}

fn request<'a>(spot: &'a TableSpot, write: &'a TableWrite) -> Result<(Action, ItemKey, Request<'a>), String> {
    let (action, what, text, update) = match &write.operation {
        WriteOperation::Put(item) => (Action::Put, "the item", item, None),
        WriteOperation::Update { key, expression } => (Action::Update, "the key", key, Some(&**expression)),
        WriteOperation::Delete(key) => (Action::Delete, "the key", key, None),
    };
    let raw = object(what, text)?;
    let key = item_key(&spot.keys, raw).map_err(|reason| format!("{what}: {reason}"))?;
    let is_put = action == Action::Put;
    let request = Request {
        table_name: &spot.table,
        item: is_put.then_some(raw),
        key: (!is_put).then_some(raw),
        update_expression: update,
        condition_expression: write.condition.as_deref(),
        expression_attribute_names: names(&write.placeholders)?,
        expression_attribute_values: values(&write.placeholders)?,
    };
    Ok((action, key, request))
}

fn transact_item(write: &Transact) -> Result<TransactItem<'_>, String> {
    match &write.action {
        TransactAction::Write(action) => {
            let (action, _, request) = request(&write.spot, action)?;
            Ok(match action {
                Action::Put => TransactItem::Put(request),
                Action::Update => TransactItem::Update(request),
                Action::Delete => TransactItem::Delete(request),
            })
        }
        TransactAction::Check { key, condition, placeholders } => {
            let request = Request { condition_expression: Some(condition), ..check_request(&write.spot, key, placeholders)? };
            Ok(TransactItem::ConditionCheck(request))
        }
    }
}

/// Without its condition.
fn check_request<'a>(spot: &'a TableSpot, key: &'a str, placeholders: &'a Placeholders) -> Result<Request<'a>, String> {
    let raw = object("the key", key)?;
    item_key(&spot.keys, raw).map_err(|reason| format!("the key: {reason}"))?;
    Ok(Request {
        table_name: &spot.table,
        item: None,
        key: Some(raw),
        update_expression: None,
        condition_expression: None,
        expression_attribute_names: names(placeholders)?,
        expression_attribute_values: values(placeholders)?,
    })
}

fn names(placeholders: &Placeholders) -> Result<BTreeMap<&str, &str>, String> {
    let mut names = BTreeMap::new();
    for (placeholder, name) in &placeholders.names {
        if names.insert(&**placeholder, &**name).is_some() {
            return Err(format!("the placeholder `{placeholder}` is named twice"));
        }
    }
    Ok(names)
}

fn values(placeholders: &Placeholders) -> Result<Option<&RawValue>, String> {
    placeholders
        .values
        .as_deref()
        .map(|values| object("the values of the placeholders", values))
        .transpose()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn spot() -> TableSpot {
        TableSpot { home: "here".into(), table: "orders".into(), keys: Box::new(["pk".into(), "sk".into()]) }
    }

    fn plain(operation: WriteOperation) -> TableWrite {
        TableWrite { operation, condition: None, placeholders: Placeholders::default() }
    }

    fn put(item: &str) -> TableWrite {
        plain(WriteOperation::Put(item.to_owned()))
    }

    fn prepared(write: &TableWrite) -> Result<(ItemKey, Prepared), String> {
        prepare(&spot(), write)
    }

    #[track_caller]
    fn check(write: &TableWrite, expected: &str) {
        let (_, prepared) = prepared(write).unwrap();
        assert_eq!(std::str::from_utf8(&prepared.body).unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(write: &TableWrite, expected: &str) {
        let reason = prepared(write).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn the_guests_bytes_are_sent_as_they_are() {
        check(
            &put("  { \"sk\":{\"N\":\"1\"},  \"pk\" : {\"S\":\"\\u00e9é\"},\"m\":{\"M\":{}} }\n"),
            "{\"TableName\":\"orders\",\"Item\":{ \"sk\":{\"N\":\"1\"},  \"pk\" : {\"S\":\"\\u00e9é\"},\"m\":{\"M\":{}} }}",
        );
        let placeholders =
            Placeholders { names: vec![("#v".to_owned(), "version\"".to_owned())], values: Some(r#"{":v":{"N":"1"}}"#.to_owned()) };
        let key = r#"{"pk":{"S":"a"},"sk":{"B":"AA=="}}"#.to_owned();
        let delete = TableWrite { operation: WriteOperation::Delete(key.clone()), condition: Some("#v < :v \"".to_owned()), placeholders };
        check(
            &delete,
            concat!(
                r##"{"TableName":"orders","Key":{"pk":{"S":"a"},"sk":{"B":"AA=="}},"ConditionExpression":"#v < :v \"","##,
                r##""ExpressionAttributeNames":{"#v":"version\""},"ExpressionAttributeValues":{":v":{"N":"1"}}}"##
            ),
        );
    }

    #[test]
    fn an_update_and_its_condition_share_their_placeholders() {
        let key = r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#.to_owned();
        let placeholders =
            Placeholders { names: vec![("#n".to_owned(), "n".to_owned())], values: Some(r#"{":one":{"N":"1"}}"#.to_owned()) };
        let operation = WriteOperation::Update { key: key.clone(), expression: "ADD #n :one".to_owned() };
        let update = TableWrite { operation, condition: Some("#n < :one".to_owned()), placeholders: placeholders.clone() };
        let members = concat!(
            r##"{"TableName":"orders","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"UpdateExpression":"ADD #n :one","ConditionExpression":"#n < :one","##,
            r##""ExpressionAttributeNames":{"#n":"n"},"ExpressionAttributeValues":{":one":{"N":"1"}}}"##
        );
        check(&update, members);
        let of = |action| Transact { spot: Arc::new(spot()), action };
        let held = TransactAction::Check { key, condition: "#n < :one".to_owned(), placeholders };
        let writes = vec![of(TransactAction::Write(update)), of(held)];
        let body = prepare_transaction(&Transaction { token: "t".to_owned(), writes }).unwrap();
        let check = members.replace(r#""UpdateExpression":"ADD #n :one","#, "");
        let expected = format!(r#"{{"ClientRequestToken":"t","TransactItems":[{{"Update":{members}}},{{"ConditionCheck":{check}}}]}}"#);
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        let bad = vec![of(TransactAction::Write(put(r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#))), of(TransactAction::Write(put("[]")))];
        let reason = prepare_transaction(&Transaction { token: "t".to_owned(), writes: bad }).unwrap_err();
        assert!(reason.starts_with("write 1: the item is not a JSON object"), "{reason}");
    }

    /// DynamoDB counts an attribute's name and value, and no quotes, types and braces: 3 MB may be four times that in JSON.
    #[test]
    fn a_transaction_of_short_attributes_may_be_larger_than_dynamodb_counts() {
        let attributes = |count: usize| (0..count).map(|n| format!(r#","{n:05}":{{"N":"1"}}"#)).collect::<String>();
        let item = |count: usize| put(&format!(r#"{{"pk":{{"S":"a"}},"sk":{{"N":"1"}}{}}}"#, attributes(count)));
        let of = |count: usize| {
            let write = Transact { spot: Arc::new(spot()), action: TransactAction::Write(item(count)) };
            prepare_transaction(&Transaction { token: "t".to_owned(), writes: vec![write; 10] })
        };
        assert!(of(50_000).unwrap().len() > 8 * 1024 * 1024);
        let reason = of(100_000).unwrap_err();
        assert!(reason.contains("DynamoDB takes 16777216, and 4 MB in all items"), "{reason}");
    }

    #[test]
    fn what_is_not_one_object_with_the_key_is_refused() {
        let key = r#""pk":{"S":"a"},"sk":{"N":"1"}"#;
        for (item, expected) in [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            ("\"{}\"", "not a JSON object"),
            ("null", "not a JSON object"),
            (&*format!("{{{key}}},\"TableName\":\"secrets\""), "not JSON"),
            (&*format!("{{{key}}}}},\"TableName\":\"secrets\",\"x\":{{"), "not JSON"),
            (&*format!("{{{key}}}{{{key}}}"), "not JSON"),
            (&*format!("{{{key},\"a\":\"\u{1}\"}}"), "not JSON"),
            (&*format!("{{{key},}}"), "not JSON"),
            (r#"{"pk":{"S":"a"}}"#, "`sk` is missing"),
            (&*format!("{{{key},\"pk\":{{\"S\":\"b\"}}}}"), "`pk` appears twice"),
            (&*format!("{{{key},\"\\u0070k\":{{\"S\":\"b\"}}}}"), "`pk` appears twice"),
            (r#"{"pk":{"S":"a","N":"1"},"sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":{},"sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":"a","sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":{"S":"a"},"sk":{"N":1}}"#, "`sk` must be"),
            (r#"{"pk":{"BOOL":"a"},"sk":{"N":"1"}}"#, "`pk` must be"),
        ] {
            check_refused(&put(item), expected);
        }
        let condition = |values: &str, names: Vec<(String, String)>| TableWrite {
            condition: Some("x".to_owned()),
            placeholders: Placeholders { names, values: Some(values.to_owned()) },
            ..put(&format!("{{{key}}}"))
        };
        check_refused(&condition("{},\"TableName\":\"secrets\"", vec![]), "the values of the placeholders is not JSON");
        check_refused(&condition("[]", vec![]), "the values of the placeholders is not a JSON object");
        let twice = vec![("#a".to_owned(), "a".to_owned()), ("#a".to_owned(), "b".to_owned())];
        check_refused(&condition("{}", twice), "`#a` is named twice");
        check_refused(&put(&format!("{{{key},\"a\":{{\"S\":\"{}\"}}}}", "x".repeat(BODY_BYTES_MAX))), "DynamoDB takes");
    }

    #[test]
    fn one_item_has_one_key_however_it_is_spelled() {
        let key = |item: &str| prepared(&put(item)).unwrap().0;
        let a = key(r#"{"pk":{"S":"é"},"sk":{"N":"10"}}"#);
        assert_eq!(a, key(r#"{ "sk" : {"N":"1E+1"}, "x":{"S":"y"}, "pk":{"S":"\u00e9"}}"#));
        assert_eq!(a, key(r#"{"\u0070k":{"S":"é"},"sk":{"N":"10.0"}}"#));
        assert_ne!(a, key(r#"{"pk":{"S":"é"},"sk":{"S":"10"}}"#));
        assert_eq!(key(r#"{"pk":{"B":"AA=="},"sk":{"N":"1"}}"#), key(r#"{"pk":{"B":"AA\u003d="},"sk":{"N":"1"}}"#));
        assert_ne!(a, key(r#"{"pk":{"S":"e"},"sk":{"N":"10"}}"#));
    }
}
