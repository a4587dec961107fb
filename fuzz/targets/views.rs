//! What leaves the host of any change: a view and a projection, by names and by paths, never show more than they may, and nothing that is no JSON where the item was;
//! an event stands on one line, and is read again as the same change.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use tripline_core::change::Change;
use tripline_core::event::event_json;
use tripline_core::projection::{AttributePath, Projection};
use tripline_core::slice::slice_page;
use tripline_core::view::{View, ViewType};
use tripline_fuzz::{Object, is_json};

fuzz_target!(|text: &str| {
    let Ok(page) = slice_page(Arc::new(text.to_owned())) else { return };
    for change in &page.changes {
        let paths = paths(change);
        let names: Vec<Path> = paths.iter().filter(|path| path.len() == 1).cloned().collect();
        for kind in ViewType::ALL {
            event(change, Some(kind));
            cut(change, kind, None);
            for some in [&names[..0], &names[..names.len() / 2], &names[..], &paths[..paths.len() / 3], &paths[paths.len() / 3..]] {
                cut(change, kind, Some(some));
            }
        }
        event(change, None);
    }
});

type Path = Vec<String>;

/// Some paths to project on: each name of an image, with what is below it, three levels deep at most, and what is not there.
fn paths(change: &Change) -> Vec<Path> {
    let mut paths = vec![vec!["no such name".to_owned()], vec!["no such name".to_owned(), "nor this".to_owned()]];
    if let Some(image) = change.new_image_json().or(change.old_image_json()).and_then(Object::read) {
        add_paths(&image, &[], &mut paths);
    }
    // Names beside paths below other names.
    paths.sort_by_key(|path| path.last().map_or(0, |name| name.len() % 3));
    // What no config can name.
    paths.retain(|path| path.iter().all(|name| (1..=255).contains(&name.len())));
    paths
}

fn add_paths(object: &Object, above: &[String], paths: &mut Vec<Path>) {
    const PATHS_MAX: usize = 60;
    for (name, value) in &object.0 {
        if paths.len() > PATHS_MAX {
            return;
        }
        let path = [above, std::slice::from_ref(name)].concat();
        paths.push([&path[..], &["nor this".to_owned()]].concat());
        if let Some(below) = map(value).filter(|_| path.len() < 3) {
            add_paths(&below, &path, paths);
        }
        paths.push(path);
    }
}

/// The attributes of a value, if it is a map.
fn map<'a>(value: &'a RawValue) -> Option<Object<'a>> {
    match &Object::read(value.get())?.0[..] {
        [(kind, map)] if kind == "M" => Object::read(map.get()),
        _ => None,
    }
}

/// As a config has it.
fn written(path: &Path) -> String {
    let name = |name: &String| name.replace('\\', "\\\\").replace('.', "\\.").replace('[', "\\[");
    path.iter().map(name).collect::<Vec<_>>().join(".")
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

fn cut(change: &Change, kind: ViewType, paths: Option<&[Path]>) {
    let read = |path: &Path| AttributePath::parse(&written(path)).unwrap();
    let view = View { kind, attributes: paths.map(|paths| paths.iter().map(read).collect::<Projection>()) };
    let seen = view.cut(change);
    assert_eq!(seen.keys, change.keys_json());
    let keys = Object::read(change.keys_json());
    let images = [
        (seen.new_image, change.new_image_json().filter(|_| kind.has_new())),
        (seen.old_image, change.old_image_json().filter(|_| kind.has_old())),
    ];
    for (seen, image) in images {
        assert_eq!(seen.is_some(), image.is_some());
        let (Some(seen), Some(image)) = (seen, image) else { continue };
        let Some(paths) = paths else {
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
        let keys = keys.0.iter().map(|(key, _)| vec![key.clone()]);
        let wanted: Vec<Path> = paths.iter().cloned().chain(keys).collect();
        if !is_clear(&whole, &wanted) {
            // A map with a name that is no text.
            assert!(!is_json(&seen), "{seen} of {image}");
            continue;
        }
        let found = Object::read(&seen).unwrap_or_else(|| panic!("no JSON: {seen}"));
        assert_eq!(parts(&found, &wanted), project(&whole, &wanted), "{seen} of {image}");
    }
}

/// What is left of an item: names in their order, each with the value as it was written, or with what is left of the map that it is.
#[derive(Debug, PartialEq)]
enum Left {
    Whole(String),
    Map(Vec<(String, Left)>),
}

/// What is asked of `name` at this level: whole, or these paths below.
fn asked(name: &str, wanted: &[Path]) -> (bool, Vec<Path>) {
    let here: Vec<&Path> = wanted.iter().filter(|path| path[0] == name).collect();
    let below = here.iter().map(|path| path[1..].to_vec()).filter(|path| !path.is_empty()).collect();
    (here.iter().any(|path| path.len() == 1), below)
}

fn project(whole: &Object, wanted: &[Path]) -> Vec<(String, Left)> {
    let left = whole.0.iter().filter_map(|(name, value)| {
        let left = match asked(name, wanted) {
            (true, _) => Left::Whole(value.get().to_owned()),
            (false, below) if below.is_empty() => return None,
            (false, below) => Left::Map(project(&map(value)?, &below)),
        };
        (left != Left::Map(Vec::new())).then(|| (name.clone(), left))
    });
    left.collect()
}

/// As `project`, of what has been cut already: nothing may be there that was not asked for.
fn parts(found: &Object, wanted: &[Path]) -> Vec<(String, Left)> {
    let part = |(name, value): &(String, &RawValue)| match asked(name, wanted) {
        (false, below) if !below.is_empty() => {
            let map = map(value).unwrap_or_else(|| panic!("no map: {}", value.get()));
            (name.clone(), Left::Map(parts(&map, &below)))
        }
        _ => (name.clone(), Left::Whole(value.get().to_owned())),
    };
    found.0.iter().map(part).collect()
}

/// Whether each object that the paths lead through has text for names, as serde_json sees text.
fn is_clear(whole: &Object, wanted: &[Path]) -> bool {
    whole.0.iter().all(|(name, value)| match asked(name, wanted) {
        (false, below) if !below.is_empty() => {
            let value = value.get();
            let Some(wrapper) = value.starts_with('{').then(|| Object::read(value)) else { return true };
            let Some(wrapper) = wrapper else { return false };
            let first = wrapper.0.first().filter(|(kind, map)| kind == "M" && map.get().starts_with('{'));
            first.is_none_or(|(_, map)| Object::read(map.get()).is_some_and(|map| is_clear(&map, &below)))
        }
        _ => true,
    })
}
