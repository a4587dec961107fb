//! What each trigger is shown, and a view that the stream cannot supply.

use std::process::Output;

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};

use crate::harness::{Place, tripline};

fn run(place: &Place) -> Output {
    tripline().args(["run", "-c"]).arg(place.config_file()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_the_stream_lacks_is_refused_at_start_with_the_remedy() {
    let place = Place::embedded().await;
    let client = place.client("users").await;
    let spec = |enabled| StreamSpecification::builder().stream_enabled(enabled);
    let off = spec(false).build().unwrap();
    client.update_table().table_name("users").stream_specification(off).send().await.unwrap();
    let keys_only = spec(true).stream_view_type(StreamViewType::KeysOnly).build().unwrap();
    client.update_table().table_name("users").stream_specification(keys_only).send().await.unwrap();

    let output = run(&place);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in ["triggers.welcome.view", "`new-image`", "KEYS_ONLY", "Set `view = \"keys-only\"`"] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
}

/// The fixture logs what it was given: six triggers on one stream, each with a view of its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_trigger_of_one_stream_sees_its_own_view() {
    let place = Place::embedded().await;
    std::fs::write(place.dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
    let mut triggers = String::new();
    for (name, view) in [("keys", "keys-only"), ("new", "new-image"), ("old", "old-image"), ("both", "new-and-old-images")] {
        triggers += &format!(
            "[triggers.{name}]\nstream = \"users\"\nplugin = \"fixture.wasm\"\nview = \"{view}\"\nsettings = {{ mode = \"echo\" }}\n"
        );
    }
    triggers += "[triggers.cut]\nstream = \"users\"\nplugin = \"fixture.wasm\"\nview = \"new-image\"\nattributes = [\"plan\"]\nsettings = { mode = \"echo\" }\n";
    triggers += "[triggers.deep]\nstream = \"users\"\nplugin = \"fixture.wasm\"\nview = \"new-image\"\nattributes = [\"address.city\"]\nsettings = { mode = \"echo\" }\n";
    let config = std::fs::read_to_string(place.config_file()).unwrap();
    std::fs::write(place.config_file(), config + &triggers).unwrap();

    let host = place.start();
    let client = place.client("users").await;
    let put = async |plan: &str| {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = client.put_item().table_name("users").item("id", text("u1")).item("plan", text(plan));
        let put = put.item("name", text("Ada")).item("email", text("ada@example.com"));
        let address = [("city", "Oslo"), ("street", "Karl-Johans-gate")].map(|(name, value)| (name.to_owned(), text(value)));
        put.item("address", AttributeValue::M(address.into())).send().await.unwrap();
    };
    put("free-plan").await;
    put("team-plan").await;

    let handled = |host: &crate::harness::Host, trigger: &str| {
        host.metric("tripline_changes_acknowledged_total", &format!("trigger=\"{trigger}\"")) == 2.0
    };
    for (trigger, shown, hidden) in [
        ("keys", &["u1"][..], &["free-plan", "team-plan", "Ada"][..]),
        ("new", &["u1", "team-plan", "free-plan", "Ada"], &[]),
        ("old", &["u1", "free-plan", "Ada"], &["team-plan"]),
        ("both", &["u1", "team-plan", "free-plan", "Ada"], &[]),
        ("cut", &["u1", "team-plan", "free-plan"], &["Ada", "ada@example.com", "Oslo"]),
        ("deep", &["u1", r#"{\"M\":{\"city\":{\"S\":\"Oslo\"}}}"#], &["Ada", "free-plan", "Karl-Johans-gate"]),
    ] {
        host.until(&format!("`{trigger}` has seen both changes"), |host| handled(host, trigger)).await;
        let said = host.guest_logs(trigger);
        for part in shown {
            assert!(said.contains(part), "`{trigger}` was not shown {part}: {said}");
        }
        for part in hidden {
            assert!(!said.contains(part), "`{trigger}` was shown {part}: {said}");
        }
    }
}
