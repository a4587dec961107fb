//! What `slice_page` makes of any text: no panic, spans within the body and in order; of well-formed JSON just what serde_json reads.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tripline_core::slice::slice_page;
use tripline_fuzz::{Answer, Page, Record, read_page};

fuzz_target!(|text: &str| {
    let body = Arc::new(text.to_owned());
    let sliced = slice_page(body.clone());
    if let Ok(page) = &sliced {
        assert_eq!(page.len_bytes, text.len());
        let mut end = body.as_ptr();
        for change in &page.changes {
            let record = change.record_json().as_bytes().as_ptr_range();
            assert!(end <= record.start && record.end <= body.as_bytes().as_ptr_range().end, "records lie one after the other");
            end = record.end;
            let images = [change.new_image_json(), change.old_image_json()];
            for part in images.into_iter().flatten().chain([change.keys_json()]) {
                let part = part.as_bytes().as_ptr_range();
                assert!(record.start <= part.start && part.end <= record.end, "an item lies in its record");
            }
        }
    }
    let sliced = sliced.map(|page| {
        let record = |change: &tripline_core::change::Change| Record {
            event_id: change.event_id.to_string(),
            event_name: change.event_name.as_str().to_owned(),
            sequence_number: change.sequence_number.to_string(),
            created_ms: change.created.as_ms(),
            size_bytes: change.size_bytes,
            identity: change.user_identity.as_ref().map(|by| (by.kind.to_string(), by.principal_id.to_string())),
            keys: change.keys_json().to_owned(),
            new_image: change.new_image_json().map(str::to_owned),
            old_image: change.old_image_json().map(str::to_owned),
        };
        Page { records: page.changes.iter().map(record).collect(), next: page.next_iterator.map(String::from) }
    });
    match read_page(text) {
        Answer::Page(page) => assert_eq!(sliced.unwrap(), page),
        Answer::Refused => assert!(sliced.is_err(), "{sliced:?}"),
        Answer::Unclear => {}
    }
});
