//! `[dev]`, and reading it alone.

use expect_test::expect;

use super::*;

#[test]
fn it_is_read_with_paths_of_the_file() {
    let config = config(&in_trigger(
        "[dev]\nbuild = 'make'\nwatch = ['src', '/tmp/x']\nevents = 'events.jsonl'\nkeys = { audit = ['order', 'at:N'] }",
    ));
    let path = |name: &str| Path::new(TESTDATA).join(name);
    let keys = vec![("order".to_owned(), KeyType::String), ("at".to_owned(), KeyType::Number)];
    let expected = DevConfig {
        build: Some("make".to_owned()),
        watch: vec![path("src"), PathBuf::from("/tmp/x")],
        events: Some(path("events.jsonl")),
        keys: BTreeMap::from([("audit".to_owned(), keys)]),
    };
    assert_eq!(config.dev, expected);
}

#[test]
fn its_faults_are_said() {
    check(&in_trigger("[dev]\nbuild = 'make'\nkeys = { a = [], b = ['x:Q'], c = 'id' }"), expect![[""]]);
}

#[test]
fn it_can_be_read_where_the_rest_is_not_sound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tripline.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::load_dev(&path)
            .map(|dev| dev.build)
            .map_err(|faults| faults.to_string().replace(&path.display().to_string(), "FILE"))
    };
    assert_eq!(read("[triggers.t]\nplugin = 'not/built.wasm'\n[dev]\nbuild = 'make'\nwatch = ['src']"), Ok(Some("make".to_owned())));
    assert_eq!(read("[triggers.t]\nplugin = 7"), Ok(None));
    let said = [read("[dev]\nbiuld = 'make'"), read("dev = 7"), read("[dev")].map(|read| read.unwrap_err());
    expect![[""]].assert_eq(&said.join("\n"));
}
