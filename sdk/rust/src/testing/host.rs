//! The imports as the recorder answers them: the same functions as the bindings', over the same types.
//!
//! Refuses what the real host refuses for its shape, so that a test that passes does not fail when deployed.

pub(crate) mod counters {
    use crate::bindings::tripline::trigger::counters::CounterError;
    use crate::testing::bounds::{check_delta, check_series};
    use crate::testing::recorder::{Added, Call, Capability, Effect, record, with};

    pub(crate) fn add(change: u32, name: &str, labels: &[(String, String)], delta: &str) -> Result<(), CounterError> {
        with(|recorder| recorder.enter(Call::CounterAdd, Capability::Counters)).map_err(CounterError::AccessDenied)?;
        check_series("counter", name, labels).map_err(CounterError::Invalid)?;
        check_delta(delta).map_err(CounterError::Invalid)?;
        let mut labels = labels.to_vec();
        labels.sort();
        record(Effect::Counter(Added { change, name: name.to_owned(), labels, delta: delta.to_owned() }));
        Ok(())
    }
}

pub(crate) mod state {
    use crate::bindings::tripline::trigger::state::{Read, StateError};
    use crate::testing::bounds::{check_state_key, check_state_value};
    use crate::testing::recorder::{Call, Capability, Effect, record, with};

    pub(crate) fn get(reads: &[Read]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        enter(Call::StateGet)?;
        reads.iter().try_for_each(|read| check_state_key(&read.key)).map_err(StateError::Invalid)?;
        with(|recorder| match recorder.state_down.clone() {
            Some(reason) => Err(StateError::Unavailable(reason)),
            None => Ok(reads.iter().map(|read| recorder.read(read.change, &read.key)).collect()),
        })
    }

    pub(crate) fn set(change: u32, key: &str, value: &[u8], expires_ms: Option<u64>) -> Result<(), StateError> {
        enter(Call::StateSet)?;
        check_state_key(key).and_then(|()| check_state_value(value)).map_err(StateError::Invalid)?;
        record(Effect::Set { change, key: key.to_owned(), value: Some((value.to_vec(), expires_ms)) });
        Ok(())
    }

    pub(crate) fn delete(change: u32, key: &str) -> Result<(), StateError> {
        enter(Call::StateDelete)?;
        check_state_key(key).map_err(StateError::Invalid)?;
        record(Effect::Set { change, key: key.to_owned(), value: None });
        Ok(())
    }

    fn enter(call: Call) -> Result<(), StateError> {
        with(|recorder| recorder.enter(call, Capability::State)).map_err(StateError::AccessDenied)
    }
}

pub(crate) mod tables {
    use crate::bindings::tripline::trigger::tables::{
        ReadError, TableError, TableWrite as WireWrite, TransactError as WireTransactError, TransactWrite, WriteError,
    };
    use crate::item::{self, Item};
    use crate::tables::{Transact, TransactError, Write};
    use crate::testing::bounds::{TABLE_KEYS_MAX, TRANSACTION_WRITES_MAX};
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
        if writes.len() > TRANSACTION_WRITES_MAX {
            let reason = format!("{} writes in one transaction; at most {TRANSACTION_WRITES_MAX}", writes.len());
            return Err(WireTransactError::Invalid(reason));
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
        if keys.len() > TABLE_KEYS_MAX {
            return Err(ReadError::Invalid(format!("{} keys in one read; at most {TABLE_KEYS_MAX}", keys.len())));
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
    use crate::bindings::tripline::trigger::metrics::MetricError;
    use crate::testing::bounds::check_metric;
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
        let value = match measured {
            Measured::Counted(_) => None,
            Measured::Set(value) | Measured::Observed(value) => Some(value),
        };
        check_metric(name, labels, value).map_err(MetricError::Invalid)?;
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
                let reason = format!("the metric `{}` is of another kind already: give one of them another name", metric.name);
                return Err(MetricError::Invalid(reason));
            }
            recorder.metrics.push(metric);
            Ok(())
        })
    }
}

pub(crate) mod http {
    use crate::http::{Error, Request, Response};
    use crate::testing::bounds::check_request;
    use crate::testing::recorder::{Call, Capability, with};

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        with(|recorder| recorder.enter(Call::HttpSend, Capability::Http)).map_err(Error::Denied)?;
        check_request(request).map_err(Error::Invalid)?;
        with(|recorder| recorder.requests.push(request.clone()));
        // The test's own function may call the host, so it is not called while the recorder is held.
        let mut answer = with(|recorder| recorder.on_http.take());
        let result = answer.as_mut().map_or_else(|| Ok(Response::new(200)), |answer| answer(request));
        with(|recorder| recorder.on_http = answer);
        result
    }
}

pub(crate) mod mailer {
    use super::logging;
    use crate::bindings::tripline::trigger::mailer::{MailError, Message as WireMessage};
    use crate::log::Level;
    use crate::mailer::Message;
    use crate::testing::bounds::check_mail;
    use crate::testing::recorder::{Call, Capability, Effect, Mail, record, with};

    pub(crate) fn send(change: u32, mailer: Option<&str>, message: &WireMessage, key: &str) -> Result<(), MailError> {
        with(|recorder| recorder.enter(Call::MailSend, Capability::Mailers)).map_err(MailError::AccessDenied)?;
        check_mail(message, key).map_err(MailError::Invalid)?;
        // As the outbox has it: of one change and key it takes one.
        if with(|recorder| recorder.has_mail(change, key)) {
            logging::log(Level::Warn, "", &format!("mail not sent: the outbox has a mail of this change and key (`{key}`)"));
            return Ok(());
        }
        let WireMessage { to, reply_to, subject, text, html } = message.clone();
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
