//! Any text as a pattern: it is refused, or it warns, compiles and explains itself, and the compiled filter says of some changes what the plain reading
//! says.

#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tripline_core::change::Change;
use tripline_core::filter::{Document, Explainer, FilterSet, Pattern, Scratch};
use tripline_core::slice::slice_page;
use tripline_core::view::ViewType;

const RECORDS: &str = r#"{"Records":[
    {"eventID":"a","eventName":"INSERT","awsRegion":"eu-west-1","eventSource":"aws:dynamodb","dynamodb":{"Keys":{"k":{"S":"a"}},
     "NewImage":{"k":{"S":"a"},"n":{"N":"1E2"},"ip":{"S":"10.0.0.1"},"on":{"BOOL":true},"gone":{"NULL":true},"raw":{"B":"aGk="}},
     "SequenceNumber":"1","SizeBytes":10,"ApproximateCreationDateTime":1.7E9,"StreamViewType":"NEW_AND_OLD_IMAGES"}},
    {"eventID":"b","eventName":"MODIFY","dynamodb":{"Keys":{"k":{"S":"a"}},"OldImage":{"k":{"S":"Stra\u00dfe"}},
     "NewImage":{"tags":{"SS":["a","b"]},"n":{"NS":["1","2.50"]},"l":{"L":[{"S":"a"},{"N":"3"},{"L":[{"M":{"k":{"S":"*"}}}]}]},
     "m":{"M":{"a":{"M":{}},"b":{"L":[]},"c":{"S":""}}}},"SequenceNumber":"2","SizeBytes":"20"}},
    {"eventName":"REMOVE","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"a":[[1,"1",null,{"a":true}]],
     "dynamodb":{"Keys":{"k":{"S":"a"},"S":{"N":"-0.0"}},"OldImage":{"k":[{"S":"a"},{"S":["b",{"a":1}]}],"N":7,"x":null},"SequenceNumber":"3"}}]}"#;

fn changes() -> &'static [(Change, Document)] {
    static CHANGES: OnceLock<Vec<(Change, Document)>> = OnceLock::new();
    CHANGES.get_or_init(|| {
        let changes = slice_page(Arc::new(RECORDS.to_owned())).unwrap().changes;
        let documents = changes.iter().map(|change| Document::of(change, &"a".into()).unwrap()).collect::<Vec<_>>();
        changes.into_iter().zip(documents).collect()
    })
}

fuzz_target!(|text: &str| {
    let Ok(pattern) = Pattern::parse(text) else { return };
    let views = ViewType::ALL.map(Some).into_iter().chain([None]);
    let warned: Vec<_> = views.map(|view| pattern.warnings(view)).collect();
    let explainer = Explainer::new(&pattern);
    // Twice the same, and two filters: what they share must be right for both.
    let set = FilterSet::new([&[pattern.clone(), pattern.clone()][..], std::slice::from_ref(&pattern)]);
    let mut scratch = Scratch::default();
    for (index, (change, document)) in changes().iter().enumerate() {
        let passes = set.passes(change, &"a".into(), &mut scratch);
        let expected = explainer.failed(document).is_empty();
        assert_eq!((passes.has(0), passes.has(1)), (expected, expected), "{text} of change {index}");
        // The last is no change that a stream sends.
        if expected && index < 2 {
            let never = warned[ViewType::ALL.len()].iter().find(|warning| warning.whole);
            assert_eq!(never, None, "{text} matches change {index}");
        }
    }
});
