//! Whether the trigger's view holds the images that templates and recipients are read from.

use std::collections::BTreeSet;

use tripline_sdk::View;

use crate::settings::Settings;

/// `reads`: the variables that each template names. The error says which setting needs what, and the remedy.
pub(crate) fn check(settings: &Settings, reads: &[(&'static str, BTreeSet<String>)], view: View) -> Result<(), String> {
    // A template may be shared with triggers of other changes: an image that no change of `on` has is not missed.
    let (on_new, on_old) = (settings.on.has_new(), settings.on.has_old());
    let mut needs_new: Vec<_> = reads.iter().filter(|(_, names)| on_new && names.contains("new")).map(|(name, _)| *name).collect();
    let mut needs_old: Vec<_> = reads.iter().filter(|(_, names)| on_old && names.contains("old")).map(|(name, _)| *name).collect();
    if settings.to.is_some() {
        needs_new.extend(on_new.then_some("to"));
        needs_old.extend(settings.on.remove.then_some("to"));
    }
    let remedy = match (needs_new.is_empty(), needs_old.is_empty()) {
        (false, false) => "new-and-old-images",
        (true, false) => "old-image",
        _ => "new-image",
    };
    let missing = |image, settings: Vec<&str>| {
        let plural = if settings.len() == 1 { "setting" } else { "settings" };
        let verb = if settings.len() == 1 { "reads" } else { "read" };
        let names = settings.join("`, `");
        format!("{plural} `{names}` {verb} the {image} image, which the view {view} does not have: set view = \"{remedy}\"")
    };
    let mut faults = Vec::new();
    if !needs_new.is_empty() && !view.has_new() {
        faults.push(missing("new", needs_new));
    }
    if !needs_old.is_empty() && !view.has_old() {
        faults.push(missing("old", needs_old));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_view(on: &str, to: &str, text_reads: &[&str], view: View, expected: Result<(), &str>) {
        let recipient = if to.is_empty() { ("to_fixed", "a@x.de") } else { ("to", to) };
        let texts = [("subject", "s"), ("text", "t"), ("on", on), recipient];
        let settings = Settings::parse(texts.into_iter().map(|(key, text)| (key, text.to_owned())).collect()).unwrap();
        let reads = text_reads.iter().map(|name| (*name).to_owned()).collect();
        let result = super::check(&settings, &[("text", reads)], view);
        assert_eq!(result.as_ref().map(|_| ()).map_err(|why| &**why), expected);
    }

    #[test]
    fn a_view_has_what_is_read() {
        check_view("insert", "email", &["new"], View::NewImage, Ok(()));
        check_view("remove", "email", &["old"], View::OldImage, Ok(()));
        check_view(r#"["insert","modify","remove"]"#, "email", &["new", "old"], View::NewAndOldImages, Ok(()));
        check_view("modify", "", &["keys"], View::KeysOnly, Ok(()));
    }

    #[test]
    fn an_image_that_no_change_has_is_not_missed() {
        check_view("insert", "email", &["new", "old"], View::NewImage, Ok(()));
        check_view("remove", "email", &["new", "old"], View::OldImage, Ok(()));
    }

    #[test]
    fn refusals_name_settings_and_remedy() {
        check_view(
            "insert",
            "email",
            &["new"],
            View::KeysOnly,
            Err("settings `text`, `to` read the new image, which the view keys-only does not have: set view = \"new-image\""),
        );
        check_view(
            "remove",
            "email",
            &["keys"],
            View::NewImage,
            Err("setting `to` reads the old image, which the view new-image does not have: set view = \"old-image\""),
        );
        check_view(
            "modify",
            "email",
            &["old"],
            View::NewImage,
            Err("setting `text` reads the old image, which the view new-image does not have: set view = \"new-and-old-images\""),
        );
    }
}
