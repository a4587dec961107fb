//! The table half: what a test needs to make tables and to write to them. No expressions, no indexes: what asks for them is refused.

use serde_json::{Map, Value, json};

use super::params::{Params, missing};
use super::world::{ApiError, Item, Key, KeyType, Schema, TableSpec, View, World};

/// A page of Scan, in bytes of JSON.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
const BATCH_WRITES_MAX: usize = 25;
const LIST_MAX: u64 = 100;

/// The answer's JSON. Tables that it makes have streams of `shards` shards.
pub(super) fn answer(world: &mut World, operation: &str, params: &Params, (now_ms, shards): (u64, u32)) -> Result<String, ApiError> {
    let only = |known: &[&str]| params.only(operation, known);
    match operation {
        "CreateTable" => create(world, params, now_ms, shards),
        "DeleteTable" => {
            only(&["TableName"])?;
            let described = describe(world, params.table()?, "DELETING")?;
            world.delete_table(params.table()?, now_ms)?;
            Ok(json!({ "TableDescription": described }).to_string())
        }
        "DescribeTable" => {
            only(&["TableName"])?;
            Ok(json!({ "Table": describe(world, params.table()?, "ACTIVE")? }).to_string())
        }
        "UpdateTable" => {
            only(&["TableName", "StreamSpecification"])?;
            match view(params)?.ok_or_else(|| missing("StreamSpecification"))? {
                Some(view) => world.enable_stream(params.table()?, view, now_ms).map(drop)?,
                None => world.disable_stream(params.table()?, now_ms)?,
            }
            Ok(json!({ "TableDescription": describe(world, params.table()?, "ACTIVE")? }).to_string())
        }
        "ListTables" => list(world, params),
        "PutItem" => {
            only(&["TableName", "Item", "ReturnValues"])?;
            let item = item(world, params.table()?, params.object("Item")?.ok_or_else(|| missing("Item"))?)?;
            let old = world.put(params.table()?, item, now_ms)?;
            returned(params, old.as_ref())
        }
        "DeleteItem" => {
            only(&["TableName", "Key", "ReturnValues"])?;
            let old = world.delete(params.table()?, &key(world, params)?, now_ms)?;
            returned(params, old.as_ref())
        }
        "GetItem" => {
            only(&["TableName", "Key", "ConsistentRead"])?;
            let found = world.get(params.table()?, &key(world, params)?)?;
            Ok(found.map_or("{}".to_owned(), |item| format!("{{\"Item\":{}}}", item.json)))
        }
        "Scan" => scan(world, params),
        "BatchWriteItem" => batch_write(world, params, now_ms),
        _ => Err(ApiError::new("UnknownOperationException", format!("the scripted endpoint has no operation {operation}"))),
    }
}

/// As the API writes times.
pub(super) fn seconds(at_ms: u64) -> f64 {
    at_ms as f64 / 1000.0
}

pub(super) fn key_schema(schema: &Schema) -> Value {
    let kinds = ["HASH", "RANGE"];
    let parts = schema
        .attributes()
        .zip(kinds)
        .map(|((name, _), kind)| json!({ "AttributeName": name, "KeyType": kind }));
    parts.collect()
}

fn describe(world: &World, table: &str, status: &str) -> Result<Value, ApiError> {
    let info = world.describe_table(table)?;
    let definitions = info
        .schema
        .attributes()
        .map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind.as_str() }));
    let mut described = json!({
        "TableName": table,
        "TableArn": info.arn,
        "TableStatus": status,
        "CreationDateTime": seconds(info.created_ms),
        "KeySchema": key_schema(&info.schema),
        "AttributeDefinitions": definitions.collect::<Vec<_>>(),
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "ItemCount": info.items,
        "TableSizeBytes": 0,
    });
    if let Some(view) = info.view {
        described["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view.as_str() });
    }
    if let Some((arn, label)) = info.latest_stream {
        described["LatestStreamArn"] = Value::from(&*arn);
        described["LatestStreamLabel"] = Value::from(&*label);
    }
    Ok(described)
}

fn create(world: &mut World, params: &Params, now_ms: u64, shards: u32) -> Result<String, ApiError> {
    let known = ["TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "StreamSpecification"];
    params.only("CreateTable", &known)?;
    let attribute = |kind: &str| -> Result<Option<(Box<str>, KeyType)>, ApiError> {
        let schema = params.array("KeySchema")?.unwrap_or_default();
        let Some(name) = schema.iter().find(|part| part["KeyType"] == kind).and_then(|part| part["AttributeName"].as_str()) else {
            return Ok(None);
        };
        let definitions = params.array("AttributeDefinitions")?.unwrap_or_default();
        let definition = definitions.iter().find(|definition| definition["AttributeName"] == name);
        let found = definition.and_then(|definition| KeyType::parse(definition["AttributeType"].as_str()?));
        let found = found.ok_or_else(|| ApiError::validation(format!("AttributeDefinitions does not define the key {name}")))?;
        Ok(Some((name.into(), found)))
    };
    let schema = Schema { partition: attribute("HASH")?.ok_or_else(|| missing("keySchema"))?, sort: attribute("RANGE")? };
    let view = view(params)?.flatten();
    world.create_table(TableSpec { name: params.table()?.into(), schema, view, shards }, now_ms)?;
    Ok(json!({ "TableDescription": describe(world, params.table()?, "ACTIVE")? }).to_string())
}

/// None: it is not named; `Some(None)`: no stream.
fn view(params: &Params) -> Result<Option<Option<View>>, ApiError> {
    let Some(specification) = params.object("StreamSpecification")? else {
        return Ok(None);
    };
    match (specification.get("StreamEnabled").and_then(Value::as_bool), specification.get("StreamViewType").and_then(Value::as_str)) {
        (Some(false), None) => Ok(Some(None)),
        (Some(true), Some(view)) => match View::parse(view) {
            Some(view) => Ok(Some(Some(view))),
            None => Err(ApiError::validation(format!("there is no StreamViewType {view}"))),
        },
        _ => Err(ApiError::validation("StreamViewType is given exactly where StreamEnabled is true")),
    }
}

fn list(world: &World, params: &Params) -> Result<String, ApiError> {
    params.only("ListTables", &["Limit", "ExclusiveStartTableName"])?;
    let limit = params.number("Limit")?.unwrap_or(LIST_MAX).clamp(1, LIST_MAX) as usize;
    let after = params.text("ExclusiveStartTableName")?;
    let mut names = world.table_names().filter(|name| after.is_none_or(|after| *name > after));
    let page: Vec<&str> = names.by_ref().take(limit).collect();
    let mut answer = json!({ "TableNames": page });
    if let (Some(last), true) = (page.last(), names.next().is_some()) {
        answer["LastEvaluatedTableName"] = Value::from(*last);
    }
    Ok(answer.to_string())
}

fn item(world: &World, table: &str, item: &Map<String, Value>) -> Result<Item, ApiError> {
    Item::parse(&world.describe_table(table)?.schema, item.clone())
}

fn key(world: &World, params: &Params) -> Result<Key, ApiError> {
    parsed_key(world, params.table()?, params.object("Key")?.ok_or_else(|| missing("Key"))?)
}

fn parsed_key(world: &World, table: &str, key: &Map<String, Value>) -> Result<Key, ApiError> {
    Key::parse(&world.describe_table(table)?.schema, key)
}

fn returned(params: &Params, old: Option<&Item>) -> Result<String, ApiError> {
    match (params.text("ReturnValues")?, old) {
        (Some("ALL_OLD"), Some(old)) => Ok(format!("{{\"Attributes\":{}}}", old.json)),
        (None | Some("NONE" | "ALL_OLD"), _) => Ok("{}".to_owned()),
        (Some(other), _) => Err(ApiError::validation(format!("ReturnValues is NONE or ALL_OLD here, not {other}"))),
    }
}

fn scan(world: &World, params: &Params) -> Result<String, ApiError> {
    params.only("Scan", &["TableName", "Limit", "ExclusiveStartKey", "ConsistentRead"])?;
    let table = params.table()?;
    let after = params.object("ExclusiveStartKey")?.map(|after| parsed_key(world, table, after)).transpose()?;
    let limit = params.number("Limit")?.map_or(usize::MAX, |limit| limit.max(1) as usize);
    let (mut json, mut count, mut last) = (String::from("{\"Items\":["), 0_usize, None);
    for item in world.items(table, after.as_ref())? {
        if count == limit || json.len() > PAGE_BYTES_MAX {
            // The last of this page, not the first of the next one.
            let Some(last) = last else { break };
            return Ok(format!("{json}],\"Count\":{count},\"ScannedCount\":{count},\"LastEvaluatedKey\":{last}}}"));
        }
        if count > 0 {
            json.push(',');
        }
        json.push_str(&item.json);
        (count, last) = (count + 1, Some(&item.key.json));
    }
    Ok(format!("{json}],\"Count\":{count},\"ScannedCount\":{count}}}"))
}

enum Write {
    Put(Item),
    Delete(Key),
}

/// All are checked before the first is done.
fn batch_write(world: &mut World, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    params.only("BatchWriteItem", &["RequestItems"])?;
    let mut writes: Vec<(&str, Write)> = Vec::new();
    for (table, requests) in params.object("RequestItems")?.ok_or_else(|| missing("RequestItems"))? {
        for request in requests.as_array().map(Vec::as_slice).unwrap_or_default() {
            let write = match (request["PutRequest"]["Item"].as_object(), request["DeleteRequest"]["Key"].as_object()) {
                (Some(put), None) => Write::Put(item(world, table, put)?),
                (None, Some(deleted)) => Write::Delete(parsed_key(world, table, deleted)?),
                _ => return Err(ApiError::validation("a write request is either a PutRequest with an Item or a DeleteRequest with a Key")),
            };
            let same = |(of, other): &(&str, Write)| *of == table && other.key() == write.key();
            if writes.iter().any(same) {
                return Err(ApiError::validation("Provided list of item keys contains duplicates"));
            }
            writes.push((table, write));
        }
    }
    if writes.is_empty() || writes.len() > BATCH_WRITES_MAX {
        return Err(ApiError::validation(format!("a batch has 1 to {BATCH_WRITES_MAX} writes, not {}", writes.len())));
    }
    for (table, write) in writes {
        match write {
            Write::Put(item) => drop(world.put(table, item, now_ms)?),
            Write::Delete(key) => drop(world.delete(table, &key, now_ms)?),
        }
    }
    Ok(json!({ "UnprocessedItems": {} }).to_string())
}

impl Write {
    fn key(&self) -> &str {
        match self {
            Self::Put(item) => &item.key.json,
            Self::Delete(key) => &key.json,
        }
    }
}
