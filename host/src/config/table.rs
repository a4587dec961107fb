//! `[streams.NAME]` and `[targets.NAME]`: tables, and how to reach them.
//!
//! Invariant: a region and an endpoint of one table never contradict its ARN, and an endpoint never comes without a region.

use tripline_core::gap::OnGap;
use tripline_core::name::StreamName;

use super::endpoint;
use super::read::{Section, Value};
use super::schema::{STREAM, TARGET};
use super::{Connection, StreamConfig, TargetConfig, start};

const WINDOW_BYTES_DEFAULT: usize = 16 << 20;
const WINDOW_BYTES_MIN: usize = 1 << 20;
const WINDOW_BYTES_MAX: usize = 4 << 30;

/// Which table it is, as far as the file tells.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    table: String,
    region: Option<String>,
    endpoint: Option<String>,
    account: Option<String>,
}

impl Identity {
    fn of(table: &str, connection: &Connection, arn_account: Option<String>) -> Self {
        let role_account = || connection.role_arn.as_deref().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        Self {
            table: table.to_owned(),
            region: connection.region.clone(),
            endpoint: endpoint::identity(connection.endpoint.as_deref()),
            account: arn_account.or_else(role_account),
        }
    }

    /// Whether both may be one table. What the file leaves open (a region from the environment, an account) may be equal.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        self.table == other.table
            && self.endpoint == other.endpoint
            && agree(&self.region, &other.region)
            && agree(&self.account, &other.account)
    }
}

/// None when something needed is missing or wrong.
pub(super) fn stream(name: &str, value: &Value<'_>) -> Option<(StreamConfig, Identity)> {
    let section = value.section(&STREAM)?;
    let mut connection = connection(&section);
    let arn = section.get("arn").and_then(|value| Some((table_arn(&value)?, value)));
    if let Some((arn, value)) = &arn {
        match &connection.region {
            Some(region) if *region != arn.region => {
                value.fault(format!("is of region {}, and `region` says {region}", arn.region), "remove `region`, or correct one of them");
            }
            _ => connection.region = Some(arn.region.clone()),
        }
    }
    let streams_endpoint = section.get("streams_endpoint").and_then(|value| endpoint(&value));
    if streams_endpoint.is_some() || connection.endpoint.is_some() {
        require_region(&section, &connection);
    }
    let window_bytes_max = section.get("window").and_then(|value| value.size(WINDOW_BYTES_MIN..=WINDOW_BYTES_MAX));
    let start = section.get("start").and_then(|value| start::start(&value)).unwrap_or_default();
    let on_gap = section
        .get("on_gap")
        .and_then(|value| value.choice(&[("continue", OnGap::Continue), ("stop", OnGap::Stop)], &[]));
    let on_gap = on_gap.unwrap_or_default();
    let (table, account) = match (section.get("table"), arn) {
        (Some(table), None) if section.get("arn").is_none() => (table_name(&table)?, None),
        (Some(table), _) => {
            table.fault("`table` and `arn` both name the table", "remove one of them");
            return None;
        }
        (None, Some((arn, _))) => (arn.table, Some(arn.account)),
        (None, None) if section.get("arn").is_some() => return None,
        (None, None) => {
            section.require("table", "write table = \"NAME\", or arn = \"…\"");
            return None;
        }
    };
    let identity = Identity::of(&table, &connection, account);
    let window_bytes_max = window_bytes_max.unwrap_or(WINDOW_BYTES_DEFAULT);
    let name = StreamName::from(name);
    Some((StreamConfig { name, table, connection, streams_endpoint, window_bytes_max, start, on_gap }, identity))
}

/// None when something needed is missing or wrong.
pub(super) fn target(name: &str, value: &Value<'_>) -> Option<(TargetConfig, Identity)> {
    let section = value.section(&TARGET)?;
    let connection = connection(&section);
    if connection.endpoint.is_some() {
        require_region(&section, &connection);
    }
    let table = section.require("table", "write table = \"NAME\"").and_then(|value| table_name(&value))?;
    let identity = Identity::of(&table, &connection, None);
    Some((TargetConfig { name: name.into(), table, connection }, identity))
}

fn connection(section: &Section<'_>) -> Connection {
    Connection {
        region: section.get("region").and_then(|value| region(&value)),
        endpoint: section.get("endpoint").and_then(|value| endpoint(&value)),
        profile: section.get("profile").and_then(|value| value.line()).map(str::to_owned),
        role_arn: section.get("role_arn").and_then(|value| role_arn(&value)),
    }
}

/// Requests are signed for a region, and which one an endpoint of one's own stands for nobody else can know.
fn require_region(section: &Section<'_>, connection: &Connection) {
    if connection.region.is_none() {
        section.require("region", "write the region that the endpoint stands for; for an emulator any will do, as region = \"eu-west-1\"");
    }
}

fn region(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let is_region = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_region {
        value.fault(format!("{text:?} is no region"), "write it as AWS does, as \"eu-west-1\"");
    }
    is_region.then(|| text.to_owned())
}

fn endpoint(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    match endpoint::check(text) {
        Ok(()) => Some(text.trim_end_matches('/').to_owned()),
        Err(what) => {
            value.fault(what, "write it as \"http://127.0.0.1:8000\" or \"https://host\"");
            None
        }
    }
}

fn role_arn(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_role = matches!(parts[..], ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && is_account(account) && role.starts_with("role/") && role.len() > "role/".len());
    if !is_role {
        value.fault(format!("{text:?} is no ARN of a role"), "write it as \"arn:aws:iam::123456789012:role/NAME\"");
    }
    is_role.then(|| text.to_owned())
}

fn table_name(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    if text.starts_with("arn:") {
        value.fault("is an ARN", "write the table's name; a stream's table can be given as `arn` instead");
        return None;
    }
    if !is_table_name(text) {
        value.fault(format!("{text:?} is no table name"), "a table's name is 3 to 255 letters, digits, underscores, hyphens and dots");
        return None;
    }
    Some(text.to_owned())
}

struct TableArn {
    region: String,
    account: String,
    table: String,
}

/// Of a table, or of one of its streams: the host follows the table from stream to stream.
fn table_arn(value: &Value<'_>) -> Option<TableArn> {
    let text = value.line()?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    if let ["arn", partition, "dynamodb", region, account, resource] = parts[..]
        && let Some(rest) = resource.strip_prefix("table/")
        && let (table, rest) = rest.split_once('/').unwrap_or((rest, "stream/"))
        && partition.starts_with("aws")
        && !region.is_empty()
        && is_account(account)
        && is_table_name(table)
        && rest.starts_with("stream/")
    {
        return Some(TableArn { region: region.to_owned(), account: account.to_owned(), table: table.to_owned() });
    }
    value.fault(format!("{text:?} is no ARN of a table or a stream"), "write it as \"arn:aws:dynamodb:eu-west-1:123456789012:table/NAME\"");
    None
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_table_name(text: &str) -> bool {
    (3..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}
