//! Items into structs and back.

#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tripline_sdk::Failure;
use tripline_sdk::item::{self, AttributeValue, Item};

/// The attribute `a` of an item.
#[derive(Debug, Deserialize, PartialEq)]
struct A<T> {
    a: T,
}

fn item(attribute: &str) -> String {
    format!(r#"{{"a":{attribute}}}"#)
}

#[track_caller]
fn check<T: DeserializeOwned + Debug + PartialEq>(attribute: &str, expected: T) {
    let read = item::from_json::<A<T>>(&item(attribute)).map(|item| item.a);
    assert_eq!(read, Ok(expected), "{attribute}");
}

#[track_caller]
fn check_refused<T: DeserializeOwned + Debug>(attribute: &str, expected: &str) {
    let error = item::from_json::<A<T>>(&item(attribute)).unwrap_err();
    assert_eq!(error.to_string(), expected, "{attribute}");
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Inner {
    city: String,
    lines: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Point,
    Circle(u32),
    Line(i32, i32),
    Box { width: u32 },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Meters(f64);

#[test]
fn all_ten_types() {
    check(r#"{"S":"x"}"#, "x".to_owned());
    check(r#"{"N":"42"}"#, 42u8);
    check(r#"{"B":"AAEC/w=="}"#, vec![0u8, 1, 2, 255]);
    check(r#"{"SS":["b","a"]}"#, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    check(r#"{"NS":["3","-1"]}"#, BTreeSet::from([-1i64, 3]));
    check(r#"{"NS":["3","0.10"]}"#, vec!["3".to_owned(), "0.10".to_owned()]);
    check(r#"{"BS":["AQ==","Ag=="]}"#, vec![vec![1u8], vec![2u8]]);
    check(r#"{"M":{"x":{"N":"1"}}}"#, HashMap::from([("x".to_owned(), 1u64)]));
    check(r#"{"L":[{"S":"x"},{"N":"1"}]}"#, ("x".to_owned(), 1i8));
    check(r#"{"BOOL":true}"#, true);
    check(r#"{"NULL":true}"#, ());
    check(r#"{"NULL":true}"#, None::<String>);
    check(r#"{"S":"x"}"#, Some("x".to_owned()));
}

#[test]
fn numbers_of_every_width() {
    check(r#"{"N":"-128"}"#, i8::MIN);
    check(r#"{"N":"18446744073709551615"}"#, u64::MAX);
    check(r#"{"N":"99999999999999999999999999999999999999"}"#, 99_999_999_999_999_999_999_999_999_999_999_999_999_u128);
    check(r#"{"N":"-99999999999999999999999999999999999999"}"#, -99_999_999_999_999_999_999_999_999_999_999_999_999_i128);
    check(r#"{"N":"19.99"}"#, 19.99f64);
    check(r#"{"N":"0.5"}"#, 0.5f32);
    check(r#"{"N":"1E+3"}"#, 1000u16);
    check(r#"{"N":"12345678901234567890123456789012345678"}"#, "12345678901234567890123456789012345678".to_owned());
    check(r#"{"N":"1.5"}"#, Meters(1.5));
    check_refused::<u8>(r#"{"N":"256"}"#, "attribute `a`: an N that is no u8: too large, or not whole");
    check_refused::<u64>(r#"{"N":"-1"}"#, "attribute `a`: an N that is no u64: too large, or not whole");
    check_refused::<i64>(r#"{"N":"1.5"}"#, "attribute `a`: an N that is no i64: too large, or not whole");
    check_refused::<f32>(r#"{"N":"1E+40"}"#, "attribute `a`: an N that is no f32: too large");
    check_refused::<f64>(r#"{"N":"NaN"}"#, "attribute `a`: an N that is no f64");
}

#[test]
fn enums_by_serde_rules() {
    check(r#"{"S":"Point"}"#, Shape::Point);
    check(r#"{"M":{"Point":{"NULL":true}}}"#, Shape::Point);
    check(r#"{"M":{"Circle":{"N":"3"}}}"#, Shape::Circle(3));
    check(r#"{"M":{"Line":{"L":[{"N":"1"},{"N":"2"}]}}}"#, Shape::Line(1, 2));
    check(r#"{"M":{"Box":{"M":{"width":{"N":"7"}}}}}"#, Shape::Box { width: 7 });
    check(r#"{"L":[{"S":"Point"},{"M":{"Circle":{"N":"1"}}}]}"#, vec![Shape::Point, Shape::Circle(1)]);
    check_refused::<Shape>(r#"{"M":{"Circle":{"S":"x"}}}"#, "attribute `a.Circle`: invalid type: attribute of type S, expected u32");
    check_refused::<Shape>(r#"{"M":{"Circle":{"N":"1"},"Point":{"NULL":true}}}"#, "attribute `a`: an enum of two variants");
}

#[test]
fn other_representations_and_maps_of_numbers() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind")]
    enum Event {
        Login { at: u64 },
        Paid { total: f64, note: Option<String> },
    }
    check(r#"{"M":{"at":{"N":"5"},"kind":{"S":"Login"}}}"#, Event::Login { at: 5 });
    check(r#"{"M":{"kind":{"S":"Paid"},"total":{"N":"19.99"},"note":{"NULL":true}}}"#, Event::Paid { total: 19.99, note: None });

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Id {
        Number(u64),
        Text(String),
    }
    check(r#"{"N":"5"}"#, Id::Number(5));
    check(r#"{"S":"5"}"#, Id::Text("5".to_owned()));
    // No 64-bit integer and no float that prints so: the text, exact.
    check(r#"{"N":"12345678901234567890.25"}"#, Id::Text("12345678901234567890.25".to_owned()));

    #[derive(Debug, Deserialize, PartialEq)]
    struct Flat {
        id: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Option<i64>>,
    }
    check(
        r#"{"M":{"id":{"S":"x"},"n":{"N":"1"},"none":{"NULL":true}}}"#,
        Flat { id: "x".to_owned(), rest: BTreeMap::from([("n".to_owned(), Some(1)), ("none".to_owned(), None)]) },
    );
    check(r#"{"M":{"7":{"BOOL":true}}}"#, BTreeMap::from([(7u32, true)]));
    check_refused::<BTreeMap<u32, bool>>(r#"{"M":{"x":{"BOOL":true}}}"#, "attribute `a.x`: a name that is no u32");
}

#[test]
fn strings_are_borrowed_where_they_can_be() {
    #[derive(Deserialize)]
    struct User<'a> {
        name: &'a str,
        #[serde(borrow)]
        note: Cow<'a, str>,
        #[serde(borrow)]
        bio: Cow<'a, str>,
        age: &'a str,
        #[serde(borrow)]
        tags: Vec<&'a str>,
        #[serde(borrow, default)]
        nick: Option<&'a str>,
    }
    let json =
        r#"{"name":{"S":"ann"},"note":{"S":"plain"},"bio":{"S":"two\nlines"},"age":{"N":"42"},"tags":{"SS":["x"]},"nick":{"S":"a"}}"#;
    let user: User<'_> = item::from_json(json).unwrap();
    assert!(matches!(user.note, Cow::Borrowed("plain")));
    assert!(matches!(user.bio, Cow::Owned(ref bio) if bio == "two\nlines"));
    assert_eq!((user.name, user.age, user.tags, user.nick), ("ann", "42", vec!["x"], Some("a")));
}

#[test]
fn unknown_attributes_are_skipped_without_a_look_and_missing_ones_are_serdes_business() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct User {
        name: String,
        #[serde(default)]
        visits: u32,
        email: Option<String>,
    }
    let expected = User { name: "ann".to_owned(), visits: 0, email: None };
    // `{"Z":..}` is no attribute: nobody asked for it, so nobody looked.
    let json = r#"{"x":{"Z":[1,{}]},"name":{"S":"ann"},"y":{"M":{"deep":{"L":[]}}}}"#;
    assert_eq!(item::from_json::<User>(json), Ok(expected));
    let error = item::from_json::<User>("{}").unwrap_err();
    assert_eq!(error.to_string(), "missing field `name`");
}

#[test]
fn errors_name_the_attribute_and_hold_no_value() {
    check_refused::<u32>(r#"{"S":"secret"}"#, "attribute `a`: invalid type: attribute of type S, expected u32");
    check_refused::<String>(r#"{"NULL":true}"#, "attribute `a`: invalid type: attribute of type NULL, expected a string");
    check_refused::<bool>(r#"{"N":"1"}"#, "attribute `a`: invalid type: attribute of type N, expected a boolean");
    check_refused::<Vec<u8>>(r#"{"B":"?"}"#, "attribute `a`: a B that is not base64");
    check_refused::<Vec<Inner>>(
        r#"{"L":[{"M":{"city":{"S":"x"},"lines":{"L":[{"S":"1"},{"BOOL":true}]}}}]}"#,
        "attribute `a[0].lines[1]`: invalid type: attribute of type BOOL, expected a string",
    );
    check_refused::<String>("{}", "attribute `a`: an attribute without a type");
    check_refused::<String>(r#"{"S":"x","N":"1"}"#, "attribute `a`: an attribute of two types");
    check_refused::<String>(r#"{"T":"x"}"#, "attribute `a`: a type that DynamoDB does not have");
    assert!(
        item::from_json::<A<String>>(r#"{"a":{"S":"x"}} x"#)
            .unwrap_err()
            .to_string()
            .contains("expected the end of the text")
    );
    let failure = Failure::from(item::from_json::<A<u8>>(&item(r#"{"N":"256"}"#)).unwrap_err());
    assert!(!failure.is_retry() && failure.reason().contains("`a`"), "{failure:?}");
}

const EVERYTHING: &str = r#"{"b":{"B":"AQI="},"bs":{"BS":["AQ=="]},"f":{"BOOL":false},"l":{"L":[{"N":"1"},{"L":[]}]},"m":{"M":{"x":{"S":"\"\n"}}},"n":{"N":"1.50"},"ns":{"NS":["1","2"]},"null":{"NULL":true},"s":{"S":"é"},"ss":{"SS":["a"]}}"#;

#[test]
fn dynamic_items_come_out_as_they_went_in() {
    let read: Item = item::from_json(EVERYTHING).unwrap();
    assert_eq!(read["n"], AttributeValue::N("1.50".to_owned()));
    assert_eq!(read["b"].as_b(), Some(&[1, 2][..]));
    assert_eq!(item::to_json(&read).unwrap(), EVERYTHING);
    // In plain serde_json, too.
    let plain: Item = serde_json::from_str(EVERYTHING).unwrap();
    assert_eq!(plain, read);
    assert_eq!(serde_json::to_string(&plain).unwrap(), EVERYTHING);

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Mixed {
        id: String,
        any: AttributeValue,
        maybe: Option<AttributeValue>,
        none: Option<AttributeValue>,
    }
    let json = r#"{"any":{"NS":["1"]},"id":{"S":"x"},"maybe":{"M":{"k":{"SS":["a"]}}},"none":{"NULL":true}}"#;
    let mixed: Mixed = item::from_json(json).unwrap();
    assert_eq!(mixed.any, AttributeValue::Ns(vec!["1".to_owned()]));
    assert_eq!(mixed.maybe.as_ref().unwrap().as_m().unwrap()["k"].type_name(), "SS");
    assert_eq!(mixed.none, None);
    assert_eq!(item::to_json(&mixed).unwrap(), json);
}

#[test]
fn behind_flatten_an_attribute_value_is_an_error_that_says_why() {
    #[derive(Debug, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        _rest: Item,
    }
    let error = item::from_json::<Flat>(r#"{"a":{"S":"x"}}"#).unwrap_err();
    assert!(error.to_string().contains("`flatten`"), "{error}");
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    text: String,
    number: i64,
    exact: f64,
    #[serde(with = "item::bytes")]
    bytes: Vec<u8>,
    #[serde(with = "item::string_set")]
    strings: BTreeSet<String>,
    #[serde(with = "item::number_set")]
    numbers: BTreeSet<u8>,
    #[serde(with = "item::binary_set")]
    binaries: Vec<Vec<u8>>,
    list: Vec<Option<bool>>,
    inner: Inner,
    shapes: Vec<Shape>,
    map: BTreeMap<u8, String>,
    unit: (),
}

#[test]
fn structs_come_back_as_they_went_out() {
    let value = Everything {
        text: "\"é\n".to_owned(),
        number: -5,
        exact: 0.1,
        bytes: vec![0, 255],
        strings: BTreeSet::from(["a".to_owned()]),
        numbers: BTreeSet::from([1, 2]),
        binaries: vec![vec![1], vec![]],
        list: vec![Some(true), None],
        inner: Inner { city: "x".to_owned(), lines: vec![] },
        shapes: vec![Shape::Point, Shape::Circle(1), Shape::Line(1, -2), Shape::Box { width: 3 }],
        map: BTreeMap::from([(7, "seven".to_owned())]),
        unit: (),
    };
    let json = item::to_json(&value).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"binaries":{"BS":["AQ==",""]},"bytes":{"B":"AP8="},"exact":{"N":"0.1"},"inner":{"M":{"city":{"S":"x"},"lines":{"L":[]}}},"#,
            r#""list":{"L":[{"BOOL":true},{"NULL":true}]},"map":{"M":{"7":{"S":"seven"}}},"number":{"N":"-5"},"numbers":{"NS":["1","2"]},"#,
            r#""shapes":{"L":[{"S":"Point"},{"M":{"Circle":{"N":"1"}}},{"M":{"Line":{"L":[{"N":"1"},{"N":"-2"}]}}},{"M":{"Box":{"M":{"width":{"N":"3"}}}}}]},"#,
            r#""strings":{"SS":["a"]},"text":{"S":"\"é\n"},"unit":{"NULL":true}}"#
        )
    );
    assert_eq!(item::from_json::<Everything>(&json), Ok(value));
}

#[track_caller]
fn check_unwritable(value: impl Serialize, expected: &str) {
    assert_eq!(item::to_json(&value).unwrap_err().to_string(), expected);
}

#[test]
fn what_dynamodb_does_not_have_is_not_written() {
    check_unwritable("text", "an item is a struct or a map, not an attribute of type S");
    check_unwritable(BTreeMap::from([("x", vec![1.0, f64::NAN])]), "attribute `x[1]`: NaN and infinity are no numbers of DynamoDB's");
    check_unwritable(BTreeMap::from([((), 1)]), "an attribute is named by text, not by NULL");

    #[derive(Serialize)]
    struct Set {
        #[serde(with = "item::string_set")]
        set: Vec<AttributeValue>,
    }
    check_unwritable(Set { set: vec![] }, "attribute `set`: an empty set: DynamoDB has none, leave the attribute out");
    check_unwritable(Set { set: vec!["a".into(), 1.into()] }, "attribute `set`: a set of more than one type");
    check_unwritable(Set { set: vec![true.into()] }, "attribute `set`: a set of BOOL");
}
