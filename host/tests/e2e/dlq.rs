//! `tripline dlq`: dead letters listed, shown, redriven and dropped, through a running host and without one.

use crate::triggers::Shop;

/// A plugin that rejects everything, beside the two that count.
async fn shop() -> Shop {
    let shop = Shop::new().await;
    std::fs::write(shop.dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
    let path = shop.dir.path().join("tripline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let picky = "[triggers.picky]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\nsettings = { mode = \"reject\" }\n";
    std::fs::write(path, text + picky).unwrap();
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_redriven_and_dropped() {
    let shop = shop().await;
    let host = shop.start();
    shop.write(12).await;
    host.until("all are letters", |host| host.metric("tripline_changes_dead_lettered_total", "trigger=\"picky\"") == 12.0)
        .await;
    let ids = |args: &[&str]| {
        let letters = shop.json(&[&["dlq", "list"], args].concat());
        letters.as_array().unwrap().iter().map(|letter| letter["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let all = ids(&[]);
    assert_eq!((all.len(), ids(&["--trigger", "count"]).len(), ids(&["--limit", "5"]).len()), (12, 0, 5));
    assert_eq!(ids(&["--match", "item-11"]).len(), 1);
    let first = all[0].to_string();
    let shown = shop.said(&["dlq", "show", &first]);
    assert!(shown.contains("trigger           picky") && shown.contains("\"item-0\""), "{shown}");
    shop.check_fault(&["dlq", "show", "999"], &["no dead letter 999", "dlq list"]);
    shop.check_fault(&["dlq", "drop", "999"], &["no dead letter 999"]);
    shop.check_fault(&["dlq", "drop", "--all"], &["nothing was dropped", "--yes"]);
    shop.check_fault(&["dlq", "drop", &first, "999", "--yes"], &["no dead letter 999"]);
    shop.check_fault(&["dlq", "redrive", "0"], &["numbers from 1 up"]);
    for usage in [&["dlq", "drop"][..], &["dlq", "redrive"], &["dlq", "drop", "1", "--all"], &["dlq", "redrive", "x"]] {
        assert_eq!(shop.run(usage).status.code(), Some(2), "{usage:?}");
    }
    assert_eq!(ids(&[]).len(), 12);
    assert!(shop.said(&["dlq", "drop", &first]).contains("1 dead letters are dropped"));
    assert_eq!(shop.json(&["dlq", "drop", "--match", "item-11", "--yes"])["letters"], 1);
    assert_eq!(shop.json(&["dlq", "redrive", "--trigger", "count"])["letters"], 0);
    assert_eq!(ids(&[]), all[1..11]);
    assert!(host.stop());

    // Without a host: marked, and left for the next one.
    assert_eq!(ids(&[]), all[1..11]);
    let said = shop.said(&["dlq", "redrive", &all[1].to_string(), &all[2].to_string()]);
    assert!(said.contains("2 dead letters are delivered again when a host runs"), "{said}");
    let letters = shop.json(&["dlq", "list"]);
    let marked = letters.as_array().unwrap().iter().filter(|letter| letter["redrive_ms"].is_u64()).count();
    assert_eq!(marked, 2);
    assert_eq!(shop.json(&["dlq", "drop", "--trigger", "picky", "--match", "item-5", "--yes"])["letters"], 1);
    assert_eq!(shop.json(&["dlq", "drop", "--all", "--yes"])["letters"], 9);
    assert!(shop.said(&["dlq", "list"]).contains("no dead letters"));
}
