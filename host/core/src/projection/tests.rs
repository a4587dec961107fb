use serde_json::{Map, Value, json};

use super::*;

const KEYS: [Cow<'_, str>; 1] = [Cow::Borrowed("pk")];

fn projection(paths: &str) -> Projection {
    paths.split_whitespace().map(|path| AttributePath::parse(path).unwrap()).collect()
}

#[track_caller]
fn check(paths: &str, image: &str, expected: &str) {
    assert_eq!(projection(paths).cut(image, &KEYS), expected);
}

const ITEM: &str = r#"{ "pk" : {"S":"a"}, "address": { "M" : { "city": {"S" : "Bern"}, "zip":{"N":"1"}, "geo":{"M":{"lat":{"N":"46.9"},"lon":{"N":"7.4"}}}}},
  "lines":{"L":[{"M":{"sku":{"S":"x"}}}]}, "odd.name":{"S":"y"}, "email":{"S":"é"} }"#;

#[test]
fn a_path_takes_one_attribute_out_of_its_maps() {
    for (paths, expected) in [
        ("address.city", r#"{"pk" : {"S":"a"},"address":{"M" : {"city": {"S" : "Bern"}}}}"#),
        ("address.geo.lat", r#"{"pk" : {"S":"a"},"address":{"M" : {"geo":{"M":{"lat":{"N":"46.9"}}}}}}"#),
        // Several below one map keep one map, in the item's order.
        (
            "email address.zip address.city",
            r#"{"pk" : {"S":"a"},"address":{"M" : {"city": {"S" : "Bern"},"zip":{"N":"1"}}},"email":{"S":"é"}}"#,
        ),
        ("address.geo address.geo.lat", r#"{"pk" : {"S":"a"},"address":{"M" : {"geo":{"M":{"lat":{"N":"46.9"},"lon":{"N":"7.4"}}}}}}"#),
        ("address.geo.lat address.geo", r#"{"pk" : {"S":"a"},"address":{"M" : {"geo":{"M":{"lat":{"N":"46.9"},"lon":{"N":"7.4"}}}}}}"#),
        (r"odd\.name", r#"{"pk" : {"S":"a"},"odd.name":{"S":"y"}}"#),
        ("lines", r#"{"pk" : {"S":"a"},"lines":{"L":[{"M":{"sku":{"S":"x"}}}]}}"#),
        // What is not there, and what is in no map, is left out, and so are the maps on the way to it.
        ("address.street address.geo.height nowhere.at.all", r#"{"pk" : {"S":"a"}}"#),
        ("lines.sku lines.L email.S email.é odd.name address.M.city", r#"{"pk" : {"S":"a"}}"#),
        ("address.city.S address.street email", r#"{"pk" : {"S":"a"},"email":{"S":"é"}}"#),
        // A key is whole, whatever is asked of it.
        ("pk.x pk.S", r#"{"pk" : {"S":"a"}}"#),
        ("", r#"{"pk" : {"S":"a"}}"#),
    ] {
        check(paths, ITEM, expected);
    }
    check(
        "address address.city",
        r#"{"address":{"M":{"city":{"S":"x"},"zip":{"S":"y"}}}}"#,
        r#"{"address":{"M":{"city":{"S":"x"},"zip":{"S":"y"}}}}"#,
    );
}

#[test]
fn names_are_compared_as_text_and_stay_as_they_are() {
    check(
        r"a.b\\c",
        r#"{"\u0061":{"\u004d":{"b\\c":{"S":"1"},"b\u005cc":{"S":"2"},"b":{"S":"3"}}}}"#,
        r#"{"\u0061":{"\u004d":{"b\\c":{"S":"1"},"b\u005cc":{"S":"2"}}}}"#,
    );
    check("pk.b x.pk", r#"{"x":{"M":{"pk":{"S":"1"},"y":{"S":"2"}}}}"#, r#"{"x":{"M":{"pk":{"S":"1"}}}}"#);
    // A key's name is a key's name at the top alone.
    check("x.y", r#"{"x":{"M":{"pk":{"S":"1"},"y":{"S":"2"}}}}"#, r#"{"x":{"M":{"y":{"S":"2"}}}}"#);
}

/// What is neither a map nor broken shows nothing.
#[test]
fn what_is_no_map_is_left_out() {
    for value in [
        r#"{"S":"b"}"#,
        r#"{"L":[{"M":{"b":{"S":"1"}}}]}"#,
        r#"{"M":[{"b":1}]}"#,
        r#"{"M":null}"#,
        "{}",
        r#"{"M":{}}"#,
        "null",
        "17",
        r#""M""#,
        r#"[{"M":{"b":{"S":"1"}}}]"#,
        r#"{"M":{"b":{"S":"1"}},"S":"x"}"#,
        r#"{"S":"x","M":{"b":{"S":"1"}}}"#,
        r#"{"M":{"b":{"S":"1"}},"M":{"b":{"S":"2"}}}"#,
        r#"{"m":{"b":{"S":"1"}}}"#,
        r#"{"b":{"S":"1"}}"#,
    ] {
        check("a.b", &format!(r#"{{"a":{value},"pk":{{"S":"1"}}}}"#), r#"{"pk":{"S":"1"}}"#);
        check("pk a.b", &format!(r#"{{"pk":{{"S":"1"}},"a":{value}}}"#), r#"{"pk":{"S":"1"}}"#);
    }
}

#[test]
fn what_breaks_off_where_it_is_walked_stays_broken() {
    for value in [
        r#"{"M":{"b":{"S":"1"} "c":{"S":"2"}}}"#,
        r#"{"M":{"b":{"S":"1"},}}"#,
        r#"{"M":{"b":{"S":"1"}}"x":1}"#,
        r#"{"M":{"b"}}"#,
        r#"{"M":{"z":oops}}"#,
        r#"{"M":{"b":{"M":{"c"}}}}"#,
        r#"{"M"}"#,
        "oops",
    ] {
        for paths in ["a.b", "a.b.c a.z", "x a.b.c.d"] {
            let cut = projection(paths).cut(&format!(r#"{{"a":{value},"x":{{"S":"y"}}}}"#), &KEYS);
            let is_json = serde_json::from_str::<Value>(&cut).is_ok();
            // A path that ends further up has not walked there.
            let is_walked = !(paths.starts_with("a.b a.b") || (value.contains("{\"c\"}") && paths == "a.b"));
            assert!(!is_json || !is_walked, "{paths} of {value}: {cut}");
        }
    }
}

#[test]
fn a_path_is_text_or_refused_with_its_remedy() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let deep = vec!["a"; LEVELS_MAX + 1].join(".");
    for (text, refused) in [
        ("email", ""),
        ("a.b.c", ""),
        (r"odd\.name.b\\c", ""),
        (r"a\[0].b", ""),
        ("a[b.c]d[", ""),
        ("a b.é", ""),
        (&deep[2..], ""),
        (&long[1..], ""),
        ("", "is no attribute name; write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map"),
        ("a..b", "\"a..b\" has a name that is empty; write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map"),
        ("a.", "\"a.\" has a name that is empty; write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map"),
        (".a", "\".a\" has a name that is empty; write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map"),
        (&long, "a name of 256 bytes is no attribute name; write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map"),
        ("a\\", r#""a\\" ends with a backslash; write `\\` for a backslash"#),
        (r"a\\\", r#""a\\\\\\" ends with a backslash; write `\\` for a backslash"#),
        (r"a\n", r#""a\\n" has `\n`; write `\\` for a backslash, `\.` for a dot in a name"#),
        (
            "a[0]",
            r#""a[0]" names an element of a list; name the list, which is taken whole; write `\[` where the bracket is part of a name"#,
        ),
        (
            "a.b[12].c",
            r#""a.b[12].c" names an element of a list; name the list, which is taken whole; write `\[` where the bracket is part of a name"#,
        ),
        (&deep, &format!("{deep:?} leads 33 levels down; DynamoDB nests 32 at most: name what is further up")),
    ] {
        match AttributePath::parse(text) {
            Ok(path) => assert_eq!((path.to_string(), ""), (text.to_owned(), refused)),
            Err(error) => assert_eq!(error.to_string(), refused, "{text}"),
        }
    }
    assert_eq!(AttributePath::parse(r"odd\.name").unwrap(), AttributePath::top("odd.name"));
}

#[test]
fn a_map_is_above_what_is_in_it() {
    let path = |text| AttributePath::parse(text).unwrap();
    for (above, below, expected) in
        [("a", "a.b", true), ("a.b", "a", false), ("a", "a", false), ("a", r"a\.b", false), ("a.b", "a.c.b", false), ("a", "a.b.c", true)]
    {
        assert_eq!(path(above).is_above(&path(below)), expected, "{above} {below}");
    }
}

// ---- Against a naive projection on parsed items ----

const NAMES: [&str; 8] = ["a", "b", "M", "S", "a.b", "x\\y", "\"é\n", "pk"];

fn random_name(random: &mut fastrand::Rng) -> &'static str {
    // Most often one of two, so that paths meet items.
    let among = if random.bool() { 2 } else { NAMES.len() };
    NAMES[random.usize(..among)]
}

fn random_attributes(random: &mut fastrand::Rng, depth: usize) -> Value {
    Value::Object(
        (0..random.usize(..6))
            .map(|_| (random_name(random).to_owned(), random_value(random, depth)))
            .collect(),
    )
}

/// Most often what DynamoDB has; sometimes what it never has.
fn random_value(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.u32(..if depth == 0 { 4 } else { 20 }) {
        0 => json!({ "S": "a\"}{b" }),
        1 => json!({ "N": "1.5" }),
        2 => json!({}),
        3 => json!("M"),
        4 => json!({ "L": [random_value(random, depth - 1)] }),
        5 => json!({ "M": random_attributes(random, depth - 1), "S": "both" }),
        6 => json!({ "M": [random_attributes(random, depth - 1)] }),
        _ => json!({ "M": random_attributes(random, depth - 1) }),
    }
}

fn random_paths(random: &mut fastrand::Rng) -> Vec<Vec<&'static str>> {
    let path = |random: &mut fastrand::Rng| (0..random.usize(1..4)).map(|_| random_name(random)).collect();
    (0..random.usize(..7)).map(|_| path(random)).collect()
}

/// By each path alone, into what is there already.
fn naive(item: &Value, paths: &[Vec<&str>]) -> Value {
    let mut kept = Map::new();
    for path in paths.iter().cloned().chain([vec!["pk"]]) {
        // Whole keys come last, and whole attributes over their parts.
        take(item.as_object().unwrap(), &path, &mut kept);
    }
    Value::Object(kept)
}

fn take(from: &Map<String, Value>, path: &[&str], into: &mut Map<String, Value>) {
    let Some(value) = from.get(path[0]) else { return };
    if path.len() == 1 {
        into.insert(path[0].to_owned(), value.clone());
        return;
    }
    let Some(map) = value.as_object().filter(|value| value.len() == 1).and_then(|value| value.get("M")?.as_object()) else { return };
    let mut below = into.get(path[0]).and_then(|kept| kept["M"].as_object().cloned()).unwrap_or_default();
    take(map, &path[1..], &mut below);
    if !below.is_empty() {
        into.insert(path[0].to_owned(), json!({ "M": below }));
    }
}

#[test]
fn a_naive_projection_agrees() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut cut_somewhere, mut nested) = (0, 0);
    for _ in 0..5_000 {
        let item = random_attributes(&mut random, 4);
        let paths = random_paths(&mut random);
        let text = if random.bool() { item.to_string() } else { serde_json::to_string_pretty(&item).unwrap() };
        let projection: Projection = paths.iter().map(|path| AttributePath(path.iter().map(|name| (*name).into()).collect())).collect();
        let cut = projection.cut(&text, &KEYS);
        let found: Value = serde_json::from_str(&cut).unwrap_or_else(|error| panic!("{error}: {cut} of {text}"));
        let expected = naive(&item, &paths);
        assert_eq!(found, expected, "{paths:?} of {text}");
        assert!(cut.len() <= text.len() + 2);
        cut_somewhere += usize::from(found != item);
        nested += usize::from(found.as_object().unwrap().iter().any(|(name, value)| item[name] != *value));
        // What is written of a path is read as it.
        for path in &projection.paths {
            assert_eq!(AttributePath::parse(&path.to_string()).as_ref(), Ok(path));
        }
    }
    assert!(cut_somewhere > 3_000 && nested > 150, "{cut_somewhere} {nested}");
}
