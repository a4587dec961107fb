//! What is said of the conditions that do not hold.

use expect_test::{Expect, expect};

use super::*;

const RECORD: &str = r#"{"eventName":"MODIFY","dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"a"}},"NewImage":{
    "plan":{"S":"free"},"n":{"N":"1E2"},"a.b":{"S":"x"},"tags":{"SS":["a","b"]},"none":{"L":[]},"address":{"M":{"city":{"S":"Bern"}}},
    "lines":{"L":[{"M":{"sku":{"S":"a"}}},{"M":{"sku":{"S":"b"},"n":{"N":"2"}}}]}}}}"#;

#[track_caller]
fn check(pattern: &str, expected: Expect) {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let document = Document::of(&change(RECORD), &"arn:stream".into()).unwrap();
    let mut said = String::new();
    for Failed { path, choice, wants, found } in Explainer::new(&pattern).failed(&document) {
        let choice = choice.map(|choice| format!("{choice}: ")).unwrap_or_default();
        said += &format!("{choice}{path} must be {wants}, and is {found}\n");
    }
    expected.assert_eq(&said);
}

#[track_caller]
fn of_item(pattern: &str, expected: Expect) {
    check(&format!(r#"{{"dynamodb":{{"NewImage":{pattern}}}}}"#), expected);
}

#[test]
fn each_condition_has_its_path_and_what_is_there() {
    check(
        r#"{"eventName":["INSERT","REMOVE"]}"#,
        expect![[r#"
        eventName must be ["INSERT","REMOVE"], and is "MODIFY"
    "#]],
    );
    of_item(
        r#"{"plan":{"S":["pro"]},"n":{"N":[{"numeric":[">",100]}]}}"#,
        expect![[r#"
        dynamodb.NewImage.plan.S must be ["pro"], and is "free"
        dynamodb.NewImage.n.N must be [{"numeric":[">",100]}], and is "1E2"
    "#]],
    );
    of_item(
        r#"{"a.b":{"S":["y"]},"tags":{"SS":["c"]}}"#,
        expect![[r#"
        dynamodb.NewImage."a.b".S must be ["y"], and is "x"
        dynamodb.NewImage.tags.SS must be ["c"], and is ["a","b"]
    "#]],
    );
    of_item(r#"{"plan":{"S":["free"]}}"#, expect![""]);
}

#[test]
fn what_is_missing_says_from_where_on() {
    check(
        r#"{"userIdentity":{"type":["Service"]}}"#,
        expect![[r#"
        userIdentity.type must be ["Service"], and is nothing: there is no userIdentity
    "#]],
    );
    of_item(
        r#"{"nowhere":{"S":["x"]},"plan":{"N":[1]},"address":{"M":{"zip":{"S":["3000"]}}}}"#,
        expect![[r#"
        dynamodb.NewImage.nowhere.S must be ["x"], and is nothing: there is no dynamodb.NewImage.nowhere
        dynamodb.NewImage.plan.N must be [1], and is nothing: it has S
        dynamodb.NewImage.address.M.zip.S must be ["3000"], and is nothing: there is no dynamodb.NewImage.address.M.zip
    "#]],
    );
    check(
        r#"{"dynamodb":{"OldImage":{"address":{"M":{"city":{"S":["Bern"]}}}}}}"#,
        expect![[r#"
        dynamodb.OldImage.address.M.city.S must be ["Bern"], and is nothing: there is no dynamodb.OldImage
    "#]],
    );
    of_item(
        r#"{"plan":{"M":{"x":{"S":["y"]}}},"none":{"L":{"S":["y"]}},"plan2":{"S":{"x":["y"]}}}"#,
        expect![[r#"
        dynamodb.NewImage.plan.M.x.S must be ["y"], and is nothing: there is no dynamodb.NewImage.plan.M
        dynamodb.NewImage.none.L.S must be ["y"], and is nothing: dynamodb.NewImage.none.L has no object in it
        dynamodb.NewImage.plan2.S.x must be ["y"], and is nothing: there is no dynamodb.NewImage.plan2
    "#]],
    );
}

#[test]
fn of_several_elements_the_nearest_is_told_of() {
    of_item(
        r#"{"lines":{"L":{"M":{"sku":{"S":["b"]},"n":{"N":[3]}}}}}"#,
        expect![[r#"
        dynamodb.NewImage.lines.L[1].M.n.N must be [3], and is "2"
    "#]],
    );
    of_item(
        r#"{"lines":{"L":{"M":{"sku":{"S":["c"]}}}}}"#,
        expect![[r#"
        dynamodb.NewImage.lines.L[0].M.sku.S must be ["c"], and is "a"
    "#]],
    );
}

#[test]
fn each_choice_says_why_not() {
    check(
        r#"{"$or":[{"eventName":["INSERT"]},{"awsRegion":["x"],"$or":[{"eventID":["2"]},{"eventID":["3"]}]}]}"#,
        expect![[r#"
        choice 1 of 2: eventName must be ["INSERT"], and is "MODIFY"
        choice 2 of 2: awsRegion must be ["x"], and is nothing
        choice 2 of 2, choice 1 of 2: eventID must be ["2"], and is "1"
        choice 2 of 2, choice 2 of 2: eventID must be ["3"], and is "1"
    "#]],
    );
    check(r#"{"$or":[{"eventName":["INSERT"]},{"eventName":["MODIFY"]}]}"#, expect![""]);
}

#[test]
fn what_is_long_is_cut() {
    let many: Vec<String> = (0..100).map(|number| format!("\"{number}\"")).collect();
    of_item(
        &format!(r#"{{"plan":{{"S":[{}]}}}}"#, many.join(",")),
        expect![[r#"
        dynamodb.NewImage.plan.S must be ["0","1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20","21","22","23","24","25","26","27","28","29","30","31","32","33","34","35","36","37","38","39","40","41"…, and is "free"
    "#]],
    );
    let conditions: Vec<String> = (0..50).map(|number| format!(r#""a{number}":{{"S":["x"]}}"#)).collect();
    let pattern = Pattern::parse(&format!(r#"{{"dynamodb":{{"NewImage":{{{}}}}}}}"#, conditions.join(","))).unwrap();
    let document = Document::of(&change(RECORD), &"arn:stream".into()).unwrap();
    assert_eq!(Explainer::new(&pattern).failed(&document).len(), 20);
}

#[test]
fn what_cannot_be_read_is_no_document() {
    let change = change(r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{},"NewImage":{"a" 1}}}"#);
    let error = Document::of(&change, &"arn:stream".into()).unwrap_err();
    expect!["its JSON cannot be read: no `:` at byte 5"].assert_eq(&error.to_string());
    // Deep, and still no danger to the stack.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let record = format!(r#"{{"eventName":"INSERT","dynamodb":{{"SequenceNumber":"1","Keys":{{}},"NewImage":{{"a":{{"L":{deep}}}}}}}}}"#);
    let document = Document::of(&super::change(&record), &"arn:stream".into()).unwrap();
    let pattern = Pattern::parse(r#"{"dynamodb":{"NewImage":{"a":{"L":{"S":["x"]}}}}}"#).unwrap();
    assert_eq!(Explainer::new(&pattern).failed(&document).len(), 1);
    let set = FilterSet::new([std::slice::from_ref(&pattern)]);
    assert!(!set.passes(&super::change(&record), &"arn:stream".into(), &mut Scratch::default()).has(0));
}
