//! Items by their keys.

use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::host;
use crate::host::tables_types::ReadError;
use crate::item;

/// What a read sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// What was there a moment ago, most often; half the price.
    #[default]
    Eventual,
    /// Every write that has ended before.
    Strong,
}

/// The item of `table` with this key, none where there is none. `key_json`: DynamoDB JSON; a change's own is
/// [`Change::keys_json`](crate::Change::keys_json), where the tables have the same key.
///
/// ```
/// use tripline_sdk::tables::{self, Consistency};
/// use tripline_sdk::{Change, Failure, log};
///
/// #[derive(serde::Deserialize)]
/// struct Customer {
///     name: String,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Order<'a> {
///     customer: &'a str,
/// }
///
/// fn on_change(change: Change) -> Result<(), Failure> {
///     let Some(order) = change.new_image::<Order>()? else { return Ok(()) };
///     let key = tripline_sdk::item::to_json(&std::collections::BTreeMap::from([("id", order.customer)]))?;
///     if let Some(customer) = tables::get::<Customer>("customers", &key, Consistency::Eventual)? {
///         log::info!("an order of {}", customer.name);
///     }
///     Ok(())
/// }
/// # use tripline_sdk::testing::{self, Host};
/// # let host = Host::new();
/// # host.set_item("customers", r#"{"id":{"S":"c1"}}"#, r#"{"id":{"S":"c1"},"name":{"S":"Ann"}}"#);
/// # assert!(testing::run(on_change, testing::batch([testing::insert("{}", r#"{"customer":{"S":"c1"}}"#)])).is_empty());
/// # assert_eq!(host.logs()[0].message, "an order of Ann");
/// ```
pub fn get<T: DeserializeOwned>(table: &str, key_json: &str, consistency: Consistency) -> Result<Option<T>, Failure> {
    Ok(get_many(table, &[key_json], consistency)?.pop().flatten())
}

/// Many items in one call, in the order of their keys; at most 1,000 keys.
pub fn get_many<T: DeserializeOwned>(
    table: &str,
    keys_json: &[impl AsRef<str>],
    consistency: Consistency,
) -> Result<Vec<Option<T>>, Failure> {
    let items = get_many_json(table, keys_json, consistency)?.into_iter();
    let read = |(index, json): (usize, Option<String>)| {
        let item = json.map(|json| item::from_json(&json)).transpose();
        item.map_err(|error| Failure::from(error).of(format!("item {index} of table `{table}`")))
    };
    items.enumerate().map(read).collect()
}

/// As [`get_many`], as DynamoDB sent them.
pub fn get_many_json(table: &str, keys_json: &[impl AsRef<str>], consistency: Consistency) -> Result<Vec<Option<String>>, Failure> {
    let keys: Vec<String> = keys_json.iter().map(|key| key.as_ref().to_owned()).collect();
    let items = host::tables::get(table, &keys, consistency == Consistency::Strong).map_err(|error| match error {
        ReadError::AccessDenied(reason) | ReadError::Invalid(reason) => Failure::Reject(reason),
        ReadError::Unavailable(reason) => Failure::Retry(reason),
    })?;
    if items.len() != keys.len() {
        return Err(Failure::retry(format!("the host answered {} keys with {} items", keys.len(), items.len())));
    }
    Ok(items)
}
