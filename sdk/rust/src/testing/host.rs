//! The imports as the recorder answers them: the same functions as the bindings', over the same types.
//!
//! Refuses what the real host refuses for its shape, so that a test that passes does not fail when deployed.

pub(crate) mod counters {
    use crate::bindings::tripline::trigger::counters::CounterError;
    use crate::testing::recorder::{Added, Call, Capability, Effect, record, with};

    pub(crate) fn add(change: u32, name: &str, labels: &[(String, String)], delta: &str) -> Result<(), CounterError> {
        with(|recorder| recorder.enter(Call::CounterAdd, Capability::Counters)).map_err(CounterError::AccessDenied)?;
        check_series(name, labels).map_err(CounterError::Invalid)?;
        if !is_decimal(delta) {
            return Err(CounterError::Invalid(format!("`{delta}` is not a decimal such as 1, -19.99 or 1E+3")));
        }
        let mut labels = labels.to_vec();
        labels.sort();
        record(Effect::Counter(Added { change, name: name.to_owned(), labels, delta: delta.to_owned() }));
        Ok(())
    }

    pub(super) fn check_series(name: &str, labels: &[(String, String)]) -> Result<(), String> {
        if let Some(bad) = labels.iter().map(|(name, _)| name.as_str()).chain([name]).find(|name| !is_name(name)) {
            return Err(format!("`{bad}` is no name such as `orders_by_status`"));
        }
        if labels.len() > 8 || labels.iter().any(|(_, value)| value.len() > 1024) {
            return Err("more than 8 labels, or one longer than 1 KiB".to_owned());
        }
        Ok(())
    }

    fn is_name(name: &str) -> bool {
        name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }

    fn is_decimal(text: &str) -> bool {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        plain && text.parse::<f64>().is_ok_and(f64::is_finite)
    }
}

pub(crate) mod state {
    use crate::bindings::tripline::trigger::state::{Read, StateError};
    use crate::testing::recorder::{Call, Capability, Effect, record, with};

    pub(crate) fn get(reads: &[Read]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        enter(Call::StateGet)?;
        with(|recorder| match recorder.state_down.clone() {
            Some(reason) => Err(StateError::Unavailable(reason)),
            None => Ok(reads.iter().map(|read| recorder.state(&read.key)).collect()),
        })
    }

    pub(crate) fn set(change: u32, key: &str, value: &[u8], expires_ms: Option<u64>) -> Result<(), StateError> {
        enter(Call::StateSet)?;
        check(key, value)?;
        record(Effect::Set { change, key: key.to_owned(), value: Some((value.to_vec(), expires_ms)) });
        Ok(())
    }

    pub(crate) fn delete(change: u32, key: &str) -> Result<(), StateError> {
        enter(Call::StateDelete)?;
        check(key, &[])?;
        record(Effect::Set { change, key: key.to_owned(), value: None });
        Ok(())
    }

    fn enter(call: Call) -> Result<(), StateError> {
        with(|recorder| recorder.enter(call, Capability::State)).map_err(StateError::AccessDenied)
    }

    fn check(key: &str, value: &[u8]) -> Result<(), StateError> {
        if key.len() > 2 * 1024 || value.len() > 256 * 1024 {
            return Err(StateError::Invalid("a key above 2 KiB or a value above 256 KiB".to_owned()));
        }
        Ok(())
    }
}

pub(crate) mod tables {
    use crate::bindings::tripline::trigger::tables::{
        ReadError, TableError, TableWrite as WireWrite, TransactError as WireTransactError, TransactWrite, WriteError,
    };
    use crate::item::{self, Item};
    use crate::tables::{Transact, TransactError, Write};
    use crate::testing::recorder::{Call, Capability, with};

    pub(crate) fn write(table: &str, writes: &[WireWrite]) -> Result<Vec<Result<(), WriteError>>, TableError> {
        with(|recorder| recorder.enter(Call::TableWrite, Capability::Tables)).map_err(TableError::AccessDenied)?;
        // The test's own function may call the host, so it is not called while the recorder is held.
        let mut answer = with(|recorder| recorder.on_write.take());
        let results = writes.iter().map(|write| {
            let write = Write::from_wire(write);
            if item::from_json::<Item>(write.json()).is_err() {
                return Err(WriteError::Invalid("not an item in DynamoDB JSON".to_owned()));
            }
            let result = answer.as_mut().map_or(Ok(()), |answer| answer(table, &write));
            with(|recorder| recorder.writes.push((table.to_owned(), write)));
            result.map_err(WriteError::from)
        });
        let results = results.collect();
        with(|recorder| recorder.on_write = answer);
        Ok(results)
    }

    pub(crate) fn transact(change: u32, writes: &[TransactWrite]) -> Result<(), WireTransactError> {
        with(|recorder| recorder.enter(Call::TableTransact, Capability::Tables)).map_err(WireTransactError::AccessDenied)?;
        if writes.len() > 100 {
            return Err(WireTransactError::Invalid("more than 100 writes in one transaction".to_owned()));
        }
        let parts: Vec<_> = writes.iter().map(|write| (write.table.clone(), Transact::from_wire(&write.action))).collect();
        if let Some(index) = parts.iter().position(|(_, part)| item::from_json::<Item>(part.json()).is_err()) {
            return Err(WireTransactError::Invalid(format!("write {index}: not an item in DynamoDB JSON")));
        }
        let mut answer = with(|recorder| recorder.on_transact.take());
        let result = answer.as_mut().map_or(Ok(()), |answer| answer(&parts));
        with(|recorder| {
            recorder.on_transact = answer;
            recorder.transactions.push((change, parts));
        });
        result.map_err(|error| match error {
            TransactError::AccessDenied(reason) => WireTransactError::AccessDenied(reason),
            TransactError::Cancelled(reasons) => {
                WireTransactError::Cancelled(reasons.into_iter().map(|reason| reason.map(WriteError::from)).collect())
            }
            TransactError::Invalid(reason) => WireTransactError::Invalid(reason),
            TransactError::Unavailable(reason) => WireTransactError::Unavailable(reason),
        })
    }

    pub(crate) fn get(table: &str, keys: &[String], _: bool) -> Result<Vec<Option<String>>, ReadError> {
        with(|recorder| recorder.enter(Call::TableGet, Capability::Reads)).map_err(ReadError::AccessDenied)?;
        if keys.len() > 1000 {
            return Err(ReadError::Invalid("more than 1,000 keys in one read".to_owned()));
        }
        if let Some(reason) = with(|recorder| recorder.reads_down.clone()) {
            return Err(ReadError::Unavailable(reason));
        }
        let find = |key: &String| {
            let key: Item = item::from_json(key).map_err(|_| ReadError::Invalid("not a key in DynamoDB JSON".to_owned()))?;
            let of_it = |(in_table, at, _): &&(String, Item, String)| in_table == table && *at == key;
            Ok(with(|recorder| recorder.items.iter().find(of_it).map(|(_, _, item)| item.clone())))
        };
        keys.iter().map(find).collect()
    }
}

pub(crate) mod metrics {
    use super::counters::check_series;
    use crate::bindings::tripline::trigger::metrics::MetricError;
    use crate::testing::recorder::{Call, Capability, Measured, Metric, with};

    pub(crate) fn count(name: &str, labels: &[(String, String)], delta: u64) -> Result<(), MetricError> {
        measure(name, labels, Measured::Counted(delta))
    }

    pub(crate) fn set_gauge(name: &str, labels: &[(String, String)], value: f64) -> Result<(), MetricError> {
        measure(name, labels, Measured::Set(value))
    }

    pub(crate) fn observe(name: &str, labels: &[(String, String)], value: f64) -> Result<(), MetricError> {
        measure(name, labels, Measured::Observed(value))
    }

    fn measure(name: &str, labels: &[(String, String)], measured: Measured) -> Result<(), MetricError> {
        with(|recorder| recorder.enter(Call::Metric, Capability::Metrics)).map_err(MetricError::AccessDenied)?;
        check_series(name, labels).map_err(MetricError::Invalid)?;
        let ending = ["_total", "_bucket", "_sum", "_count"].iter().find(|ending| name.ends_with(**ending));
        if let Some(ending) = ending {
            return Err(MetricError::Invalid(format!("`{name}` ends in `{ending}`")));
        }
        if labels.iter().any(|(label, _)| label == "le") {
            return Err(MetricError::Invalid("the label `le` is kept for buckets".to_owned()));
        }
        if matches!(measured, Measured::Set(value) | Measured::Observed(value) if !value.is_finite()) {
            return Err(MetricError::Invalid("no finite number".to_owned()));
        }
        let mut labels = labels.to_vec();
        labels.sort();
        let metric = Metric { name: name.to_owned(), labels, measured };
        with(|recorder| {
            let kind = std::mem::discriminant(&metric.measured);
            if recorder
                .metrics
                .iter()
                .any(|other| other.name == metric.name && std::mem::discriminant(&other.measured) != kind)
            {
                return Err(MetricError::Invalid(format!("`{}` is another kind of metric already", metric.name)));
            }
            recorder.metrics.push(metric);
            Ok(())
        })
    }
}

pub(crate) mod http {
    use crate::http::{Error, Request, Response, parts};
    use crate::testing::recorder::{Call, Capability, with};

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        with(|recorder| recorder.enter(Call::HttpSend, Capability::Http)).map_err(Error::Denied)?;
        parts(&request.url)?;
        let is_token =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        let is_value = |value: &[u8]| value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
        if !request.headers.iter().all(|(name, value)| is_token(name) && is_value(value)) {
            return Err(Error::Invalid("a header that is none".to_owned()));
        }
        if request
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("connection"))
        {
            return Err(Error::Invalid("a header that the host writes itself".to_owned()));
        }
        if request.body.len() > 8 * 1024 * 1024 {
            return Err(Error::Invalid("a body above 8 MiB".to_owned()));
        }
        with(|recorder| recorder.requests.push(request.clone()));
        // The test's own function may call the host, so it is not called while the recorder is held.
        let mut answer = with(|recorder| recorder.on_http.take());
        let result = answer.as_mut().map_or_else(|| Ok(Response::new(200)), |answer| answer(request));
        with(|recorder| recorder.on_http = answer);
        result
    }
}

pub(crate) mod mailer {
    use crate::bindings::tripline::trigger::mailer::{MailError, Message as WireMessage};
    use crate::mailer::Message;
    use crate::testing::recorder::{Call, Capability, Effect, Mail, record, with};

    pub(crate) fn send(change: u32, mailer: Option<&str>, message: &WireMessage, key: &str) -> Result<(), MailError> {
        with(|recorder| recorder.enter(Call::MailSend, Capability::Mailers)).map_err(MailError::AccessDenied)?;
        let WireMessage { to, reply_to, subject, text, html } = message.clone();
        if to.is_empty() || to.iter().chain(&reply_to).any(|address| !address.contains('@')) {
            return Err(MailError::Invalid("no recipient, or an address that is none".to_owned()));
        }
        if text.is_none() && html.is_none() {
            return Err(MailError::Invalid("neither text nor html".to_owned()));
        }
        if to.iter().chain(&reply_to).chain([&subject]).any(|header| header.contains(['\r', '\n'])) {
            return Err(MailError::Invalid("a header with a line break".to_owned()));
        }
        let message = Message { to, reply_to, subject, text, html };
        record(Effect::Mail(Mail { change, mailer: mailer.map(str::to_owned), message, key: key.to_owned() }));
        Ok(())
    }
}

pub(crate) mod store {
    use crate::bindings::wasi::config::store::Error;
    use crate::testing::recorder::with;

    pub(crate) fn get(key: &str) -> Result<Option<String>, Error> {
        Ok(with(|recorder| recorder.settings.get(key).cloned()))
    }
}

pub(crate) mod logging {
    use crate::log::Level;
    use crate::testing::recorder::{Line, with};

    pub(crate) fn log(level: Level, context: &str, message: &str) {
        let line = Line { level, context: context.to_owned(), message: message.to_owned() };
        with(|recorder| recorder.logs.push(line));
    }
}
