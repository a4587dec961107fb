//! The demo's tables, as an application sees them: through the AWS SDK.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};

use crate::aws::Aws;
use crate::config::Config;

pub(super) type Item = HashMap<String, AttributeValue>;

const KEY: &str = "id";

#[derive(Clone, Debug)]
pub struct Tables {
    home: Client,
    away: Client,
}

impl Tables {
    /// To the regions that the demo's config names.
    pub async fn connect(config: &Config) -> Result<Self> {
        let aws = Aws::new();
        let home = config.streams.values().next().context("the demo has streams")?;
        let away = config.targets.values().next().context("the demo has a target")?;
        let client = async |connection| Client::new(&aws.config(connection).await);
        Ok(Self { home: client(&home.connection).await, away: client(&away.connection).await })
    }

    pub async fn create(&self) -> Result<()> {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()?;
        for (client, table, stream) in
            [(&self.home, "users", Some(&stream)), (&self.home, "orders", Some(&stream)), (&self.away, "orders", None)]
        {
            let key = AttributeDefinition::builder().attribute_name(KEY).attribute_type(ScalarAttributeType::S).build()?;
            let create = client
                .create_table()
                .table_name(table)
                .attribute_definitions(key)
                .key_schema(KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash).build()?)
                .billing_mode(BillingMode::PayPerRequest)
                .set_stream_specification(stream.cloned());
            create.send().await.with_context(|| format!("cannot create table `{table}`"))?;
        }
        Ok(())
    }

    pub async fn put(&self, table: &str, item: Item) -> Result<()> {
        self.home
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .send()
            .await
            .with_context(|| format!("cannot write to `{table}`"))?;
        Ok(())
    }

    /// Sets the order's status.
    pub async fn set_status(&self, id: &str, status: &str) -> Result<()> {
        let update = self.home.update_item().table_name("orders").key(KEY, text(id)).update_expression("SET #s = :s");
        let update = update.expression_attribute_names("#s", "status").expression_attribute_values(":s", text(status));
        update.send().await.context("cannot update an order")?;
        Ok(())
    }

    pub async fn delete_order(&self, id: &str) -> Result<()> {
        self.home
            .delete_item()
            .table_name("orders")
            .key(KEY, text(id))
            .send()
            .await
            .context("cannot delete an order")?;
        Ok(())
    }

    pub async fn users(&self) -> Result<BTreeMap<String, Item>> {
        scan(&self.home, "users").await
    }

    pub async fn orders(&self) -> Result<BTreeMap<String, Item>> {
        scan(&self.home, "orders").await
    }

    pub async fn replica(&self) -> Result<BTreeMap<String, Item>> {
        scan(&self.away, "orders").await
    }
}

/// All items by their key.
async fn scan(client: &Client, table: &str) -> Result<BTreeMap<String, Item>> {
    let mut items = BTreeMap::new();
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().items().send();
    while let Some(item) = pages.next().await {
        let item = item.with_context(|| format!("cannot scan `{table}`"))?;
        let key = item.get(KEY).and_then(|key| key.as_s().ok()).cloned().context("an item without its key")?;
        items.insert(key, item);
    }
    Ok(items)
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl Into<String>) -> AttributeValue {
    AttributeValue::N(value.into())
}
