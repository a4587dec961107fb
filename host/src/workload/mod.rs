//! A shop's traffic on two tables, the three plugins that follow it, and whether they did what they should: the demo runs it, and so do the
//! tests that kill the host, replace its plugins and change the endpoint.
//!
//! Always holds: what is claimed of a table was read from the table.

mod tables;
mod traffic;
mod verify;

pub use tables::Tables;
pub use traffic::Traffic;
pub use verify::{Findings, Verifier, glance};

const CONFIG: &str = include_str!("assets/tripline.toml");
const WELCOME: &str = include_str!("assets/welcome.html");

/// Where the config's mail goes, beside it.
pub const MAIL_DIR: &str = "mail";
/// Where the config's host keeps what it must not forget, beside it.
pub const DATA_DIR: &str = "data";

/// The files of the workload's config directory, by name: `tripline.toml` and what it refers to.
///
/// `listen` is the host's address, `home` and `away` are the endpoints of eu-west-1 and us-east-1.
pub fn config_files(listen: &str, home: &str, away: &str) -> [(&'static str, String); 2] {
    let config = CONFIG.replace("{listen}", listen).replace("{home}", home).replace("{away}", away);
    [("tripline.toml", config), ("welcome.html", WELCOME.to_owned())]
}
