//! What a trigger may see of a change: the images of its view, cut to its attributes.
//!
//! Invariant: what leaves here is bytes of the stream's body, whole or with attributes left out; no value is written anew.

use std::borrow::Cow;
use std::fmt;

use crate::change::Change;
use crate::projection::Projection;
use crate::scan::{ScanError, Scanner};

/// DynamoDB's four stream views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewType {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

impl ViewType {
    pub const ALL: [Self; 4] = [Self::KeysOnly, Self::NewImage, Self::OldImage, Self::NewAndOldImages];

    /// As `tripline.toml` spells it.
    pub fn as_config(self) -> &'static str {
        match self {
            Self::KeysOnly => "keys-only",
            Self::NewImage => "new-image",
            Self::OldImage => "old-image",
            Self::NewAndOldImages => "new-and-old-images",
        }
    }

    /// As DynamoDB spells it.
    pub fn as_aws(self) -> &'static str {
        match self {
            Self::KeysOnly => "KEYS_ONLY",
            Self::NewImage => "NEW_IMAGE",
            Self::OldImage => "OLD_IMAGE",
            Self::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }

    pub fn from_config(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_config() == text)
    }

    pub fn from_aws(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_aws() == text)
    }

    pub fn has_new(self) -> bool {
        matches!(self, Self::NewImage | Self::NewAndOldImages)
    }

    pub fn has_old(self) -> bool {
        matches!(self, Self::OldImage | Self::NewAndOldImages)
    }

    /// Whether a stream of this view holds all that a trigger of view `wanted` asks for.
    pub fn supplies(self, wanted: Self) -> bool {
        (self.has_new() || !wanted.has_new()) && (self.has_old() || !wanted.has_old())
    }
}

impl fmt::Display for ViewType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_config())
    }
}

/// A trigger's view of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub kind: ViewType,
    /// The attributes that leave the host besides the keys; none: all of them.
    pub attributes: Option<Projection>,
}

/// The part of a change that a trigger may see, as DynamoDB JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    pub keys: &'a str,
    pub new_image: Option<Cow<'a, str>>,
    pub old_image: Option<Cow<'a, str>>,
}

impl View {
    pub fn of(kind: ViewType) -> Self {
        Self { kind, attributes: None }
    }

    /// Bytes that `cut` leaves of a change, before the projection: what a batch is bounded by. The cut itself is made only once, on
    /// the way into the guest.
    pub fn len_bytes(&self, change: &Change) -> usize {
        let new = change.new_image_json().filter(|_| self.kind.has_new());
        let old = change.old_image_json().filter(|_| self.kind.has_old());
        change.keys_json().len() + new.map_or(0, str::len) + old.map_or(0, str::len)
    }

    pub fn cut<'a>(&self, change: &'a Change) -> Seen<'a> {
        let new = change.new_image_json().filter(|_| self.kind.has_new());
        let old = change.old_image_json().filter(|_| self.kind.has_old());
        let keys = change.keys_json();
        let Some(attributes) = &self.attributes else {
            return Seen { keys, new_image: new.map(Cow::Borrowed), old_image: old.map(Cow::Borrowed) };
        };
        let key_names = attribute_names(keys);
        let project = |image| Cow::Owned(attributes.cut(image, &key_names));
        Seen { keys, new_image: new.map(project), old_image: old.map(project) }
    }
}

fn attribute_names(item: &str) -> Vec<Cow<'_, str>> {
    let mut names = Vec::new();
    // Keys that are no JSON have no names: then nothing is shown because of them.
    let _ = for_each_attribute(item, |attribute| names.push(attribute.name));
    names
}

/// A top-level attribute of an item.
pub(crate) struct Attribute<'a> {
    pub(crate) name: Cow<'a, str>,
    /// The value's JSON.
    pub(crate) value: &'a str,
}

/// Calls `visit` with each top-level attribute, up to where the item is no JSON any more.
pub(crate) fn for_each_attribute<'a>(item: &'a str, mut visit: impl FnMut(Attribute<'a>)) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(item);
    scanner.object(|scanner, name| {
        let value = scanner.skip()?;
        visit(Attribute { name, value: scanner.text(value) });
        Ok::<_, ScanError>(())
    })?;
    scanner.end()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::slice::slice_page;

    const KEYS: &str = r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#;
    const NEW: &str = r#"{ "pk":{"S":"a"}, "sk":{"N":"1"}, "email":{"S":"é\u00e9\"}"}, "plan":{"M":{"email":{"S":"x"}}} }"#;
    const OLD: &str = r#"{"plan":{"S":"free"},"sk":{"N":"1"},"pk":{"S":"a"}}"#;

    fn change(images: &str) -> Change {
        let body = format!(r#"{{"Records":[{{"eventName":"MODIFY","dynamodb":{{"SequenceNumber":"1","Keys":{KEYS}{images}}}}}]}}"#);
        slice_page(Arc::new(body)).unwrap().changes.remove(0)
    }

    fn view(kind: ViewType, attributes: Option<&[&str]>) -> View {
        View { kind, attributes: attributes.map(|names| names.iter().copied().collect()) }
    }

    #[track_caller]
    fn check(view: &View, images: &str, new: Option<&str>, old: Option<&str>) {
        let change = change(images);
        let seen = view.cut(&change);
        assert_eq!((seen.keys, seen.new_image.as_deref(), seen.old_image.as_deref()), (KEYS, new, old));
    }

    #[test]
    fn a_view_sees_its_images_and_no_other() {
        let both = format!(r#","NewImage":{NEW},"OldImage":{OLD}"#);
        check(&View::of(ViewType::KeysOnly), &both, None, None);
        check(&View::of(ViewType::NewImage), &both, Some(NEW), None);
        check(&View::of(ViewType::OldImage), &both, None, Some(OLD));
        check(&View::of(ViewType::NewAndOldImages), &both, Some(NEW), Some(OLD));
        check(&View::of(ViewType::NewAndOldImages), "", None, None);
    }

    #[test]
    fn whole_images_are_the_bodys_bytes() {
        let change = change(&format!(r#","NewImage":{NEW}"#));
        let seen = View::of(ViewType::NewImage).cut(&change);
        assert!(matches!(seen.new_image, Some(Cow::Borrowed(_))));
    }

    #[test]
    fn attributes_cut_the_images_down_to_them_and_the_keys() {
        let both = format!(r#","NewImage":{NEW},"OldImage":{OLD}"#);
        let all = ViewType::NewAndOldImages;
        check(
            &view(all, Some(&["email"])),
            &both,
            Some(r#"{"pk":{"S":"a"},"sk":{"N":"1"},"email":{"S":"é\u00e9\"}"}}"#),
            Some(r#"{"sk":{"N":"1"},"pk":{"S":"a"}}"#),
        );
        // Only top-level names count, and one that is not there is no fault.
        check(
            &view(all, Some(&["plan", "nowhere"])),
            &both,
            Some(r#"{"pk":{"S":"a"},"sk":{"N":"1"},"plan":{"M":{"email":{"S":"x"}}}}"#),
            Some(r#"{"plan":{"S":"free"},"sk":{"N":"1"},"pk":{"S":"a"}}"#),
        );
        check(&view(ViewType::OldImage, Some(&[])), &both, None, Some(r#"{"sk":{"N":"1"},"pk":{"S":"a"}}"#));
        check(&view(all, Some(&["email"])), r#","NewImage":{}"#, Some("{}"), None);
    }

    #[test]
    fn names_are_compared_as_text_and_stay_json() {
        let images = r#","NewImage":{"\u0065mail":{"S":"1"},"a\"b\\":{"S":"2"},"Email":{"S":"3"},"\n":{"S":"4"}}"#;
        let view = view(ViewType::NewImage, Some(&["email", "a\"b\\", "\n"]));
        check(&view, images, Some(r#"{"\u0065mail":{"S":"1"},"a\"b\\":{"S":"2"},"\n":{"S":"4"}}"#), None);
    }

    /// Slicing only brackets an item. Nobody may take a part of it for the whole.
    #[test]
    fn an_item_that_breaks_off_stays_broken() {
        for (image, cut) in [
            (r#"{"email":{"S":"1"} "x":{"S":"2"}}"#, r#"{"email":{"S":"1"}"#),
            (r#"{"x":{"S":"2"},"email"}"#, "{"),
            (r#"{"email":{"S":"1"},}"#, r#"{"email":{"S":"1"}"#),
        ] {
            check(&view(ViewType::NewImage, Some(&["email"])), &format!(r#","NewImage":{image}"#), Some(cut), None);
        }
    }

    /// What a trigger may not see must not come through in any disguise.
    #[test]
    fn what_is_no_item_shows_nothing() {
        for image in ["17", r#""secret""#, r#"[{"secret":{"S":"x"}}]"#, "true"] {
            let images = format!(r#","NewImage":{image}"#);
            check(&view(ViewType::NewImage, Some(&["email"])), &images, Some("{}"), None);
        }
    }

    #[test]
    fn a_view_supplies_itself_and_what_is_in_it() {
        for (stream, wanted) in [
            (ViewType::KeysOnly, "keys-only"),
            (ViewType::NewImage, "keys-only new-image"),
            (ViewType::OldImage, "keys-only old-image"),
            (ViewType::NewAndOldImages, "keys-only new-image old-image new-and-old-images"),
        ] {
            let supplied = ViewType::ALL.into_iter().filter(|&wanted| stream.supplies(wanted));
            let supplied: Vec<String> = supplied.map(|view| view.to_string()).collect();
            assert_eq!(supplied.join(" "), wanted);
        }
    }

    #[test]
    fn names_of_views_go_both_ways() {
        for view in ViewType::ALL {
            assert_eq!(ViewType::from_config(view.as_config()), Some(view));
            assert_eq!(ViewType::from_aws(view.as_aws()), Some(view));
        }
        assert_eq!(ViewType::from_config("NEW_IMAGE"), None);
        assert_eq!(ViewType::from_aws("new-image"), None);
    }
}
