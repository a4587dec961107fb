//! A table's stream, turned on and off.
//!
//! Always holds: what is asked for and already so is left alone; a stream of another view is not touched, since a view cannot be changed.
//! Waits for nothing: `table_state` says how far it is.

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use tripline_core::name::StreamArn;
use tripline_core::port::{FindError, ReadError};
use tripline_core::view::ViewType;

use crate::source::Source;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// ACTIVE, UPDATING, …; as the endpoint spells it.
    pub status: Box<str>,
    /// The table's latest stream, on or off.
    pub stream: Option<StreamArn>,
    /// None: no stream is on.
    pub view: Option<ViewType>,
}

impl TableState {
    /// No change of the table is under way.
    pub fn is_active(&self) -> bool {
        &*self.status == "ACTIVE"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// The table now changes; see `Source::table_state`.
    Begun,
    /// It was so already.
    Already,
    /// A stream of another view is on.
    OtherView(ViewType),
}

impl Source {
    pub async fn table_state(&self) -> Result<TableState, FindError> {
        let call = self.tables_call("DescribeTable");
        let answer = self.tables.describe_table().table_name(self.table_or_arn()).send().await;
        let table = match answer.map_err(|error| call.error(&error)) {
            Ok(answer) => answer.table,
            Err(ReadError::Gone(_)) => return Err(FindError::NoSuchTable(self.no_such_table())),
            Err(error) => return Err(error.into()),
        };
        let Some(table) = table else {
            return Err(call.unavailable("an answer without Table").into());
        };
        let on = table.stream_specification().filter(|stream| stream.stream_enabled);
        let view = on.and_then(|stream| stream.stream_view_type.as_ref()).map(|view| view.as_str());
        Ok(TableState {
            status: table.table_status().map_or("unknown", |status| status.as_str()).into(),
            stream: table.latest_stream_arn().filter(|arn| !arn.is_empty()).map(Into::into),
            view: view.and_then(ViewType::from_aws),
        })
    }

    pub async fn enable(&self, view: ViewType) -> Result<Switched, FindError> {
        match self.table_state().await?.view {
            Some(on) if on == view => return Ok(Switched::Already),
            Some(other) => return Ok(Switched::OtherView(other)),
            None => {}
        }
        let on = StreamSpecification::builder().stream_enabled(true);
        self.update(on.stream_view_type(StreamViewType::from(view.as_aws()))).await
    }

    pub async fn disable(&self) -> Result<Switched, FindError> {
        if self.table_state().await?.view.is_none() {
            return Ok(Switched::Already);
        }
        self.update(StreamSpecification::builder().stream_enabled(false)).await
    }

    async fn update(&self, stream: aws_sdk_dynamodb::types::builders::StreamSpecificationBuilder) -> Result<Switched, FindError> {
        let call = self.tables_call("UpdateTable");
        // It lacks nothing that a builder could miss.
        let stream = stream.build().map_err(|error| call.unavailable(error))?;
        let request = self.tables.update_table().table_name(self.table_or_arn()).stream_specification(stream);
        request.send().await.map_err(|error| call.error(&error))?;
        Ok(Switched::Begun)
    }
}
