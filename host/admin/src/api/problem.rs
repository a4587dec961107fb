//! Errors as RFC 9457 has them: `type`, `title`, `status`, `detail`.
//!
//! Always holds: `type` tells a program what happened, and does not change; `detail` tells a person what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unauthorized,
    WrongHost,
    NoSuchPath,
    Missing,
    WrongMethod,
    WrongType,
    TooLarge,
    Invalid,
    Refused,
    Unavailable,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "The token is needed"),
            Self::WrongHost => (StatusCode::FORBIDDEN, "wrong-host", "The request names another host"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path", "There is no such path"),
            Self::Missing => (StatusCode::NOT_FOUND, "not-found", "There is nothing of that name"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The path does not take this method"),
            Self::WrongType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Only application/json is taken"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::Invalid => (StatusCode::BAD_REQUEST, "invalid", "The request is not valid"),
            Self::Refused => (StatusCode::CONFLICT, "refused", "As things stand, this is refused"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.parts();
        let body =
            json!({ "type": format!("urn:tripline:problem:{name}"), "title": title, "status": status.as_u16(), "detail": self.detail });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
