//! Transactions: a guest's writes, all of them or none.
//!
//! Invariant: sent once. Its token is the same when the same change is delivered again, so that DynamoDB, which remembers tokens for ten minutes,
//! does not make it twice.

use std::time::Instant;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tripline_core::port::{TransactError, Transaction, WriteError};
use tripline_core::signal::{Signal, TransactResult};

use super::body;
use super::failure;
use super::target::{Target, replaced};

impl Target {
    pub(super) async fn transact_all(&self, transaction: Transaction) -> Result<(), TransactError> {
        let began = Instant::now();
        let answer = self.commit(&transaction).await;
        let result = match &answer {
            Ok(()) => TransactResult::Ok,
            Err(TransactError::Cancelled(_)) => TransactResult::Cancelled,
            Err(TransactError::Invalid(_)) => TransactResult::Invalid,
            Err(TransactError::Unavailable(_)) => TransactResult::Unavailable,
        };
        self.signals.emit(Signal::TableTransacted { target: &self.name, result, took: began.elapsed() });
        answer
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let body = body::prepare_transaction(transaction).map_err(TransactError::Invalid)?;
        let request = self.client.transact_write_items().set_transact_items(Some(Vec::new())).customize();
        match request.mutate_request(replaced(body, None)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.why(&error, transaction.writes.len())),
        }
    }

    fn why(&self, error: &SdkError<TransactWriteItemsError, HttpResponse>, writes: usize) -> TransactError {
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let reasons = cancelled.cancellation_reasons();
            // Some endpoints tell only that it was cancelled.
            if reasons.len() == writes {
                return TransactError::Cancelled(reasons.iter().map(reason).collect());
            }
        }
        match failure::of_write(&self.spot.table, error) {
            WriteError::Invalid(reason) => TransactError::Invalid(reason),
            WriteError::Unavailable(reason) => TransactError::Unavailable(reason),
            error @ WriteError::ConditionFailed => TransactError::Unavailable(error.to_string()),
        }
    }
}

/// Why this write stopped the transaction; none: it did not.
fn reason(reason: &CancellationReason) -> Option<WriteError> {
    let code = reason.code().unwrap_or("None");
    let text = || match reason.message() {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    };
    match code {
        "None" => None,
        "ConditionalCheckFailed" => Some(WriteError::ConditionFailed),
        "ValidationError" | "ItemCollectionSizeLimitExceeded" => Some(WriteError::Invalid(text())),
        // A conflict with another transaction, and every kind of throttle.
        _ => Some(WriteError::Unavailable(text())),
    }
}
