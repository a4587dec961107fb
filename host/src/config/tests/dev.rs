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
    check(
        &in_trigger("[dev]\nbuild = 'make'\nkeys = { a = [], b = ['x:Q'], c = 'id' }"),
        expect![[r#"
            tripline.toml:6:2: dev.watch: is missing
              remedy: write the files and folders whose changes are to be built, as watch = ["src"]
            error: tripline.toml:8:10: dev.keys.a: a table has one or two key attributes
              remedy: write ["partition"] or ["partition", "sort:N"]
            error: tripline.toml:8:23: dev.keys.b: "x:Q" names no type of a key
              remedy: write "name:S", "name:N" or "name:B"
            error: tripline.toml:8:31: dev.keys.c: a list is needed, this is a string
              remedy: write a list, as ["one", "two"]
            4 faults in tripline.toml"#]],
    );
}

#[test]
fn it_can_be_read_where_the_rest_is_not_sound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tripline.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::load_dev(&path)
            .map(|(dev, _)| dev.build)
            .map_err(|faults| faults.to_string().replace(&path.display().to_string(), "FILE"))
    };
    assert_eq!(read("[triggers.t]\nplugin = 'not/built.wasm'\n[dev]\nbuild = 'make'\nwatch = ['src']"), Ok(Some("make".to_owned())));
    assert_eq!(read("[triggers.t]\nplugin = 7"), Ok(None));
    assert_eq!(Config::load_dev(&path).unwrap().1, dir.path().join("tripline-data"));
    std::fs::write(&path, "[host]\ndata_dir = 'mine'\nlisten = 7").unwrap();
    assert_eq!(Config::load_dev(&path).unwrap().1, dir.path().join("mine"));
    let said = [read("[dev]\nbiuld = 'make'"), read("dev = 7"), read("[dev")].map(|read| read.unwrap_err());
    expect![[r#"
        FILE:2:1: dev.biuld: unknown key
          remedy: did you mean `build`?
        1 fault in FILE
        FILE:1:1: dev: a table is needed, this is an integer
          remedy: write [dev] with its keys below it, or { key = … }
        1 fault in FILE
        FILE:1:5: not TOML: unclosed table, expected `]`
          remedy: correct the line; other faults may show when the file is TOML again
        1 fault in FILE"#]]
    .assert_eq(&said.join("\n"));
}
