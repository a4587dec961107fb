//! The API under `/api/v1`: what runs, and what steers it.
//!
//! Always holds: nothing here is reached without the token (`http::guard`); every error is `application/problem+json` with a remedy; what a request
//! says that nobody asked for (unknown keys, unknown parameters, another content type) is refused, not passed over; a body is bounded. No CORS: a web
//! page of another origin can neither read an answer nor, since only `application/json` is taken, send a form.
//! Knows nothing of streams and stores: the host answers a `Question`.

mod input;
mod problem;
mod question;

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::Value;
use tripline_core::port::BoxFuture;

use crate::http::Inner;
use crate::tail;

pub(crate) use problem::{Kind, Problem};
pub use question::{Letters, PARALLELISM_MAX, Page, Question, RewindWish};

const BASE: &str = "/api/v1";
const OPENAPI: &str = include_str!("openapi.json");

/// Why a question has no answer. Each message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is nothing of that name.
    #[error("{0}")]
    Missing(String),
    /// The question itself makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It would do harm, or nothing, as things stand.
    #[error("{0}")]
    Refused(String),
    /// Another time perhaps.
    #[error("{0}")]
    Unavailable(String),
}

/// Who knows what runs, and steers it.
pub trait Operator: Send + Sync + fmt::Debug {
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Value, Failure>>;
}

type Route = (&'static str, &'static str, MethodRouter<Arc<Inner>>);

/// Every path below `/api/v1`, with its method.
fn routes() -> Vec<Route> {
    vec![
        ("get", "/openapi.json", get(openapi)),
        ("get", "/streams", get(ask)),
        ("get", "/streams/{name}", get(ask)),
        ("get", "/streams/{name}/tail", get(tail::tail)),
        ("get", "/triggers", get(ask)),
        ("get", "/triggers/{name}", get(ask)),
        ("post", "/triggers/{name}/pause", post(ask)),
        ("post", "/triggers/{name}/resume", post(ask)),
        ("post", "/triggers/{name}/parallelism", post(ask)),
        ("post", "/triggers/{name}/rewind", post(ask)),
        ("get", "/plugins", get(ask)),
        ("get", "/dead-letters", get(ask)),
        ("get", "/dead-letters/{id}", get(ask)),
        ("post", "/dead-letters/redrive", post(ask)),
        ("post", "/dead-letters/drop", post(ask)),
        ("get", "/state", get(ask)),
        ("get", "/counters", get(ask)),
    ]
}

pub(crate) fn router() -> Router<Arc<Inner>> {
    let add = |router: Router<Arc<Inner>>, (_, path, method): Route| router.route(&format!("{BASE}{path}"), method);
    routes().into_iter().fold(Router::new(), add).method_not_allowed_fallback(wrong_method)
}

async fn ask(Shared(shared): Shared<Arc<Inner>>, request: Request) -> Response {
    let path = request.uri().path().strip_prefix(BASE).unwrap_or_default().to_owned();
    let answered = async {
        let operator = shared
            .operator
            .as_ref()
            .ok_or_else(|| Problem::new(Kind::Unavailable, "the host is starting: ask again in a second"))?;
        let question = question::of(&path, request).await?;
        operator.ask(question).await.map_err(Problem::from)
    };
    match answered.await {
        Ok(answer) => Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn openapi(request: Request) -> Response {
    match input::no_query(request.uri()) {
        Ok(()) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// For every path that nothing serves.
pub(crate) async fn no_such_path(uri: Uri) -> Response {
    if !uri.path().starts_with("/api") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(Kind::NoSuchPath, format!("there is no {path}: GET /api/v1/openapi.json lists what there is")).into_response()
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(Kind::WrongMethod, format!("{path} takes no {method}: the Allow header names what it takes")).into_response()
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Missing(_) => Kind::Missing,
            Failure::Invalid(_) => Kind::Invalid,
            Failure::Refused(_) => Kind::Refused,
            Failure::Unavailable(_) => Kind::Unavailable,
        };
        Self::new(kind, failure.to_string())
    }
}

/// What a status outside of the API is below it.
pub(crate) fn refusal(status: StatusCode, detail: &str) -> Response {
    let kind = if status == StatusCode::FORBIDDEN { Kind::WrongHost } else { Kind::Unauthorized };
    Problem::new(kind, detail.trim_end()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `method path` of every operation.
    #[test]
    fn the_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| {
            let methods: Vec<_> = item.as_object().unwrap().keys().filter(|key| *key != "parameters").cloned().collect();
            methods.into_iter().map(|method| format!("{method} {path}")).collect::<Vec<_>>()
        };
        let documented: BTreeSet<String> = paths.iter().flat_map(methods).collect();
        let served: BTreeSet<String> = routes().into_iter().map(|(method, path, _)| format!("{method} {BASE}{path}")).collect();
        assert_eq!(documented, served);
        assert_eq!(document["openapi"], "3.1.0");
    }
}
