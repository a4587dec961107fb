//! How times and changes look to people.

use anyhow::Result;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tripline_core::change::Change;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};

use crate::cli::output;

/// As RFC 3339 writes it.
pub(super) fn time(time: Timestamp) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    // Years beyond 9999 have no such form; nothing was made then.
    DateTime::from_millis(ms).fmt(Format::DateTime).unwrap_or_else(|_| time.to_string())
}

/// One line for the change, and one for each image that the view holds.
pub(super) fn change(change: &Change, view: Option<ViewType>) -> Result<()> {
    let by = change.user_identity.as_ref().map(|by| format!(" by {}", by.principal_id)).unwrap_or_default();
    let head = format!("{} {:6} {}{by}", time(change.created), change.event_name.as_str(), change.keys_json());
    output::line(&output::tame(&head))?;
    let seen = View::of(view.unwrap_or(ViewType::NewAndOldImages)).cut(change);
    for (name, image) in [("old", seen.old_image), ("new", seen.new_image)] {
        if let Some(image) = image {
            output::line(&format!("  {name} {}", output::tame(&image)))?;
        }
    }
    Ok(())
}
