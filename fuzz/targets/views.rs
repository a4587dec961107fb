//! What leaves the host of any change: a view and a projection never show more than they may, and nothing that is no JSON where the item was;
//! an event stands on one line, and is read again as the same change.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tripline_core::change::Change;
use tripline_core::event::event_json;
use tripline_core::slice::slice_page;
use tripline_core::view::{View, ViewType};
use tripline_fuzz::{Object, is_json};

fuzz_target!(|text: &str| {
    let Ok(page) = slice_page(Arc::new(text.to_owned())) else { return };
    for change in &page.changes {
        let names = names(change);
        for kind in ViewType::ALL {
            event(change, Some(kind));
            for attributes in [None, Some(&names[..0]), Some(&names[..names.len() / 2]), Some(&names[..])] {
                let attributes = attributes.map(|names| names.iter().map(|name| name.as_str().into()).collect());
                cut(change, &View { kind, attributes });
            }
        }
        event(change, None);
    }
});

/// Some names to project on.
fn names(change: &Change) -> Vec<String> {
    let image = change.new_image_json().or(change.old_image_json()).and_then(Object::read);
    let mut names: Vec<String> = image.map(|image| image.0.into_iter().map(|(name, _)| name).collect()).unwrap_or_default();
    names.push("no such name".to_owned());
    names
}

fn event(change: &Change, view: Option<ViewType>) {
    let event = event_json(change, &"arn:x".into(), view);
    assert!(!event.contains(['\n', '\r']), "{event}");
    // What is only bracketed stays as broken as it came.
    if !is_json(change.record_json()) {
        return;
    }
    assert!(is_json(&event), "{event}");
    let again = slice_page(Arc::new(format!("{{\"Records\":[{event}]}}"))).unwrap();
    let [again] = &again.changes[..] else { panic!("one record: {event}") };
    let on_one_line = |text: &str| text.replace(['\n', '\r'], " ");
    assert_eq!(again.sequence_number.as_str(), change.sequence_number.as_str());
    assert_eq!((again.created, again.event_name, again.size_bytes), (change.created, change.event_name, change.size_bytes));
    assert_eq!(again.keys_json(), on_one_line(change.keys_json()));
    let new = change.new_image_json().filter(|_| view.is_none_or(ViewType::has_new)).map(on_one_line);
    let old = change.old_image_json().filter(|_| view.is_none_or(ViewType::has_old)).map(on_one_line);
    assert_eq!((again.new_image_json(), again.old_image_json()), (new.as_deref(), old.as_deref()), "{event}");
}

fn cut(change: &Change, view: &View) {
    let seen = view.cut(change);
    assert_eq!(seen.keys, change.keys_json());
    let keys = Object::read(change.keys_json());
    let images = [
        (seen.new_image, change.new_image_json().filter(|_| view.kind.has_new())),
        (seen.old_image, change.old_image_json().filter(|_| view.kind.has_old())),
    ];
    for (seen, image) in images {
        assert_eq!(seen.is_some(), image.is_some());
        let (Some(seen), Some(image)) = (seen, image) else { continue };
        let Some(attributes) = &view.attributes else {
            assert_eq!(seen, image);
            continue;
        };
        assert!(seen.len() <= image.len() + 2, "no more than there was: {seen}");
        // Keys that cannot be read have names up to where they break.
        let Some(keys) = &keys else { continue };
        let Some(whole) = Object::read(image) else {
            // No object, or with a name that is no text: nobody may take a part of it for the whole.
            assert!(!is_json(image) || seen == "{}" || !is_json(&seen), "{seen} of {image}");
            continue;
        };
        let wanted = |name: &str| attributes.iter().any(|wanted| **wanted == *name) || keys.0.iter().any(|(key, _)| key == name);
        let expected: Vec<_> = whole
            .0
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.as_str(), value.get()))
            .collect();
        let found = Object::read(&seen).unwrap_or_else(|| panic!("no JSON: {seen}"));
        let found: Vec<_> = found.0.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(found, expected);
    }
}
