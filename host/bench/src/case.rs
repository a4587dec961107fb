//! What one measurement is about. The same case goes to the server and to each contestant, as JSON on the command line.

use serde::{Deserialize, Serialize};

use crate::filters::CaseFilters;

pub(crate) const TABLE: &str = "orders";
pub(crate) const REGION: &str = "eu-west-1";

/// GetRecords sends at most 1 MB; a page of a thousand items of 500 bytes with both images is a little over it, as the issue asks.
const PAGE_BYTES_MAX: usize = 1_400_000;
const PAGE_CHANGES_MAX: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Of one image, as JSON.
    pub(crate) item_bytes: usize,
    pub(crate) pages: usize,
    pub(crate) batch: usize,
    pub(crate) triggers: usize,
    pub(crate) view: CaseView,
    pub(crate) plugin: CasePlugin,
    pub(crate) filters: CaseFilters,
    /// Whether what batches come to is committed, or only counted.
    pub(crate) commits: bool,
}

/// What the trigger asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CaseView {
    NewImage,
    BothImages,
    /// The new image, cut to the two attributes.
    TwoAttributes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CasePlugin {
    TwoAttributes,
    AnalyticsCounter,
}

impl Case {
    /// Items of 500 bytes, batches of 100, one trigger that sees the new image.
    pub(crate) fn usual(pages: usize) -> Self {
        Self {
            item_bytes: 500,
            pages,
            batch: 100,
            triggers: 1,
            view: CaseView::NewImage,
            plugin: CasePlugin::TwoAttributes,
            filters: CaseFilters::None,
            commits: true,
        }
    }

    pub(crate) fn changes_per_page(&self) -> usize {
        // Two images, and about 400 bytes around them.
        (PAGE_BYTES_MAX / (2 * self.item_bytes + 400)).clamp(1, PAGE_CHANGES_MAX)
    }

    /// In the shard.
    pub(crate) fn changes(&self) -> usize {
        self.pages * self.changes_per_page()
    }
}
