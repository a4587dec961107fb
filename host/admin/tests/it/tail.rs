//! Who may watch a stream, and what they are told who may not. That changes come is shown with a whole host.

use tripline_admin::{Admin, Taps, Token};
use tripline_core::name::StreamName;
use tripline_core::view::ViewType;

use crate::bench::{Bench, get, with_server};

/// Asks with the token, unless `token` is another; compares status and body.
#[track_caller]
fn check(path: &str, token: Option<&str>, status: u16, body: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let real = Token::load_or_create(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let orders = StreamName::from("orders");
    let taps = Taps::new([orders.clone()]);
    taps.of(&orders).holds(ViewType::NewImage);
    let admin = Admin { taps, ..Bench::new().admin("127.0.0.1:0", Some(real)) };
    let bearer = format!("Authorization: Bearer {}", token.unwrap_or(text.trim()));
    let answer = with_server(admin, async |addr| get(addr, path, &["Host: localhost", &bearer]).await);
    assert_eq!((answer.status, answer.body.contains(body)), (status, true), "{answer:?}");
}

#[test]
fn the_token_is_asked_for_on_loopback_too() {
    check("/api/v1/streams/orders/tail", Some("wrong"), 401, "data_dir/token");
    check("/api", Some("wrong"), 401, "data_dir/token");
    check("/api", None, 404, "");
}

#[test]
fn what_cannot_be_shown_is_said() {
    check("/api/v1/streams/users/tail", None, 404, "this host does not read that stream: no trigger follows it");
    check("/api/v1/streams/orders/tail?view=both", None, 400, "there is no view");
    check("/api/v1/streams/orders/tail?view=new-and-old-images", None, 400, "the stream holds new-image, which is less than");
}
