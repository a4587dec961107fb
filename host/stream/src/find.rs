//! Finds a table's streams, and which is the latest.
//!
//! ListStreams decides: it also knows streams that were disabled less than 24 hours ago, which stay readable. DescribeTable is
//! asked where ListStreams has nothing, or nothing conclusive, to say.

use aws_sdk_dynamodb::types::TableDescription;
use aws_sdk_dynamodbstreams::types::{Stream, StreamStatus};
use tripline_core::name::StreamArn;
use tripline_core::port::{FindError, ReadError, StreamInfo};
use tripline_core::view::ViewType;

use crate::source::{PAGE_ITEMS_MAX, PAGES_MAX, Source};

impl Source {
    pub(crate) async fn find_latest(&self) -> Result<StreamInfo, FindError> {
        let streams = self.list_streams().await?;
        match newest(&streams) {
            Some(arn) => Ok(self.stream_info(arn).await?),
            None => self.latest_of_table().await,
        }
    }

    /// Every stream of the table, oldest first. Where the list does not tell which is the latest, the table does.
    pub(crate) async fn find_all(&self) -> Result<Vec<StreamArn>, FindError> {
        let streams = self.list_streams().await?;
        let latest = match newest(&streams) {
            Some(arn) => StreamArn::from(arn),
            None => self.latest_of_table().await?.arn,
        };
        let mut older: Vec<&Stream> = streams.iter().collect();
        older.sort_by_key(|stream| (stream.stream_label.as_deref(), stream.stream_arn.as_deref()));
        let arns = older.into_iter().filter_map(|stream| stream.stream_arn.as_deref());
        let mut arns: Vec<StreamArn> = arns.filter(|arn| !arn.is_empty()).map(StreamArn::from).collect();
        arns.retain(|arn| *arn != latest);
        arns.dedup();
        arns.push(latest);
        Ok(arns)
    }

    /// Of the table; of all tables where the source has none.
    pub(crate) async fn list_streams(&self) -> Result<Vec<Stream>, ReadError> {
        let call = self.streams_call("ListStreams");
        let mut streams: Vec<Stream> = Vec::new();
        let mut start: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let request = self.streams.list_streams().limit(PAGE_ITEMS_MAX);
            let request = request
                .set_table_name(self.one_table().map(str::to_owned))
                .set_exclusive_start_stream_arn(start.clone());
            self.limits.list_streams().await;
            let answer = request.send().await.map_err(|error| call.error(&error))?;
            // Some endpoints list the streams of all tables.
            let ours = |stream: &Stream| match (self.one_table(), stream.table_name.as_deref()) {
                (Some(ours), Some(table)) => ours == table,
                _ => true,
            };
            streams.extend(answer.streams.unwrap_or_default().into_iter().filter(ours));
            match answer.last_evaluated_stream_arn.filter(|last| !last.is_empty()) {
                Some(last) if start.as_ref() != Some(&last) => start = Some(last),
                _ => return Ok(streams),
            }
        }
        Err(call.unavailable(format_args!("more than {PAGES_MAX} pages of streams")))
    }

    /// The stream that DescribeTable names, else why there is none. A table keeps the ARN of a disabled stream, readable or not.
    async fn latest_of_table(&self) -> Result<StreamInfo, FindError> {
        let call = self.tables_call("DescribeTable");
        let answer = self.tables.describe_table().table_name(self.table_or_arn()).send().await;
        let table = match answer.map_err(|error| call.error(&error)) {
            Ok(answer) => answer.table,
            Err(ReadError::Gone(_)) => return Err(FindError::NoSuchTable(self.no_such_table())),
            Err(error) => return Err(error.into()),
        };
        let arn = table.as_ref().and_then(TableDescription::latest_stream_arn).filter(|arn| !arn.is_empty());
        let Some(arn) = arn else {
            return Err(FindError::StreamOff(self.stream_off()));
        };
        let specification = table.as_ref().and_then(TableDescription::stream_specification);
        match self.stream_info(arn).await {
            Err(ReadError::Gone(_)) if specification.is_none_or(|stream| !stream.stream_enabled) => {
                Err(FindError::StreamOff(self.stream_off()))
            }
            found => Ok(found?),
        }
    }

    /// The table's latest stream, whatever its status; none: it is gone.
    pub(crate) async fn find_open(&self, arn: &StreamArn) -> Result<Option<StreamInfo>, ReadError> {
        match self.stream_info(arn.as_str()).await {
            Err(ReadError::Gone(_)) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Disabled, and still there. An endpoint that answers for any ARN, or with another stream, answers of none.
    pub(crate) async fn find_closing(&self, arn: &StreamArn) -> Result<Option<StreamInfo>, ReadError> {
        let call = self.streams_call("DescribeStream");
        self.limits.describe_stream().await;
        let answer = self.streams.describe_stream().stream_arn(arn.as_str()).limit(1).send().await;
        let description = match answer.map_err(|error| call.error(&error)) {
            Ok(answer) => answer.stream_description,
            Err(ReadError::Gone(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(description) = description else { return Ok(None) };
        let closing = matches!(description.stream_status, Some(StreamStatus::Disabled | StreamStatus::Disabling));
        let same = description.stream_arn.as_deref() == Some(arn.as_str());
        let view = description.stream_view_type.as_ref().and_then(|view| ViewType::from_aws(view.as_str()));
        let Some(view) = view.filter(|_| closing && same) else { return Ok(None) };
        Ok(Some(StreamInfo { arn: arn.clone(), view, table: self.table().into(), region: self.region().into() }))
    }

    async fn stream_info(&self, arn: &str) -> Result<StreamInfo, ReadError> {
        let call = self.streams_call("DescribeStream");
        self.limits.describe_stream().await;
        let request = self.streams.describe_stream().stream_arn(arn).limit(1);
        let description = request.send().await.map_err(|error| call.error(&error))?.stream_description;
        let view = description.and_then(|description| description.stream_view_type);
        let view = view.as_ref().map_or("", |view| view.as_str());
        let Some(view) = ViewType::from_aws(view) else {
            return Err(call.unavailable(format_args!("an answer whose StreamViewType is `{view}`")));
        };
        Ok(StreamInfo { arn: StreamArn::from(arn), view, table: self.table().into(), region: self.region().into() })
    }

    fn one_table(&self) -> Option<&str> {
        Some(self.table()).filter(|table| !table.is_empty())
    }

    pub(crate) fn no_such_table(&self) -> String {
        format!("there is no table {}; check its name, the region and the account of the credentials", self.place())
    }

    fn stream_off(&self) -> String {
        let endpoint = self.endpoint().map(|endpoint| format!(" --endpoint {endpoint}")).unwrap_or_default();
        format!(
            "table {} has no stream; enable it: tripline streams enable {} --view new-and-old-images --region {}{endpoint}",
            self.place(),
            self.table(),
            self.region(),
        )
    }

    pub(crate) fn place(&self) -> String {
        let endpoint = self.endpoint().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        format!("`{}` in {}{endpoint}", self.table(), self.region())
    }
}

/// What tells the streams of one table apart: the time of its making comes first.
pub(crate) fn label(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The ARN of the stream with the greatest label, which begins with the time of its making. None where there is none, or
/// where the labels do not tell.
fn newest(streams: &[Stream]) -> Option<&str> {
    let label = |stream: &Stream| stream.stream_label.clone().filter(|label| !label.is_empty());
    if streams.len() > 1 && streams.iter().any(|stream| label(stream).is_none()) {
        return None;
    }
    let newest = streams.iter().max_by_key(|stream| label(stream))?;
    let tied = streams
        .iter()
        .any(|stream| label(stream) == label(newest) && stream.stream_arn != newest.stream_arn);
    newest.stream_arn.as_deref().filter(|arn| !tied && !arn.is_empty())
}
