//! Any page of changes, held to patterns of every kind at once: the compiled filters say what the plain reading says.

#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tripline_core::filter::{Document, Explainer, FilterSet, Pattern, Scratch};
use tripline_core::slice::slice_page;

const PATTERNS: [&str; 24] = [
    r#"{"eventName":["INSERT"],"eventID":[{"prefix":"e"}]}"#,
    r#"{"userIdentity":{"type":["Service"],"principalId":[{"exists":true}]}}"#,
    r#"{"userIdentity":{"type":[{"exists":false}]},"awsRegion":[{"anything-but":"eu-west-1"}]}"#,
    r#"{"eventSourceARN":["a"],"eventSource":[{"suffix":"db"},{"exists":false}]}"#,
    r#"{"dynamodb":{"SizeBytes":[{"numeric":[">",5,"<=",26]}],"StreamViewType":[{"equals-ignore-case":"new_and_old_images"}]}}"#,
    r#"{"dynamodb":{"ApproximateCreationDateTime":[{"numeric":["<",1700000001]},"1.7E9"]}}"#,
    r#"{"dynamodb":{"Keys":{"pk":{"S":["a","é",""]},"sk":{"S":[{"exists":false}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"pk":{"S":["a",{"suffix":"z"}],"N":[{"exists":false}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"n":{"N":[1,"10",{"numeric":["<",-1]}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"n":{"N":[{"anything-but":[1,"2"]}],"S":[{"exists":false}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"n":{"NS":[{"prefix":"1"},{"anything-but":{"suffix":"0"}}]}}}}"#,
    r#"{"dynamodb":{"OldImage":{"pk":{"S":[{"exists":true}]}},"NewImage":{"pk":{"S":[{"exists":false}]}}}}"#,
    r#"{"dynamodb":{"OldImage":{"pk":{"S":[{"wildcard":"*a*"},{"cidr":"10.0.0.0/8"},null,true,1]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"l":{"L":{"S":["a"],"N":[{"exists":false}]}}}}}"#,
    r#"{"dynamodb":{"NewImage":{"l":{"L":{"M":{"a":{"S":["x"]},"b":{"N":[1,{"exists":false}]}}}}}}}"#,
    r#"{"dynamodb":{"NewImage":{"l":{"L":{"L":{"L":{"S":[{"anything-but":"a"}]}}}}}}}"#,
    r#"{"dynamodb":{"NewImage":{"m":{"M":{"a":{"M":{"b":{"BOOL":[true,"true"]}}}}}}}}"#,
    r#"{"dynamodb":{"NewImage":{"m":[{"exists":false},"a",1],"l":{"L":[{"exists":true}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"$or":[{"pk":{"S":["a"]}},{"n":{"$or":[{"N":[1]},{"S":["1"]},{"NULL":[true]}]}}],"m":{"S":[{"exists":false}]}}}}"#,
    r#"{"$or":[{"eventName":["REMOVE"]},{"dynamodb":{"NewImage":{"pk":{"S":[{"equals-ignore-case":"STRASSE"}]}}}},{"Records":{"a":["b"]}}]}"#,
    r#"{"dynamodb":{"NewImage":{"pk":{"S":[{"prefix":{"equals-ignore-case":"É"}},{"suffix":{"equals-ignore-case":"SS"}}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"pk":{"S":[{"anything-but":{"wildcard":["a*","*b","c*d","*e*","f"]}}]}}}}"#,
    r#"{"dynamodb":{"NewImage":{"pk":{"S":[{"wildcard":"a*"},{"wildcard":"*b"},{"wildcard":"c*d"},{"wildcard":"*e*"},{"wildcard":"*"}]}}}}"#,
    r#"{"dynamodb":[{"exists":false}],"x":{"a":[1,{"exists":false}],"b":{"c":["d"]}},"y":[{"numeric":["=",0]},{"anything-but":["a",1]}]}"#,
];

type Both = (FilterSet, Vec<Explainer>);

fn both() -> &'static Both {
    static BOTH: OnceLock<Both> = OnceLock::new();
    BOTH.get_or_init(|| {
        let patterns: Vec<Pattern> = PATTERNS.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        (FilterSet::new(patterns.iter().map(std::slice::from_ref)), patterns.iter().map(Explainer::new).collect())
    })
}

fuzz_target!(|text: &str| {
    let Ok(page) = slice_page(Arc::new(text.to_owned())) else { return };
    let (set, explainers) = both();
    let mut scratch = Scratch::default();
    for change in &page.changes {
        let passes = set.passes(change, &"a".into(), &mut scratch);
        // What cannot be read passes where it was looked at.
        let Ok(document) = Document::of(change, &"a".into()) else { continue };
        for (index, explainer) in explainers.iter().enumerate() {
            assert_eq!(passes.has(index), explainer.failed(&document).is_empty(), "{} of {}", PATTERNS[index], change.record_json());
        }
    }
});
