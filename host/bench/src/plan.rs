//! Which measurements are made, and which are compared.

use anyhow::Result;

use crate::case::{Case, CasePlugin, CaseView};
use crate::contestant::node;
use crate::filters::CaseFilters;
use crate::measure::{self, Place, Used, median};
use crate::process::{self, Contestant};
use crate::report::{Report, Row, Sheet, Table};
use crate::{Args, instances, languages, live, requests, validation};

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut report = Report::default();
    for plan in [baselines, sizes, batches, triggers, filters, commits] {
        let plan = plan(args);
        if args.wants(plan.name) {
            report.add(plan.measure(args)?);
        }
    }
    if args.wants(validation::NAME) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.add(Sheet::of(validation::NAME, validation::ABOUT, &runtime.block_on(validation::measure())?)?);
    }
    if args.wants(instances::NAME) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.add(Sheet::of(instances::NAME, instances::ABOUT, &runtime.block_on(instances::measure())?)?);
    }
    if args.wants(requests::NAME) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.add(Sheet::of(requests::NAME, requests::ABOUT, &runtime.block_on(requests::measure())?)?);
    }
    live::run(args, &mut report)?;
    if languages::are_there() && args.wants(languages::NAME) {
        // Last: what is started after this would keep to the same processor.
        measure::keep_to(Place::Contestant);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.add(Sheet::of(languages::NAME, languages::ABOUT, &runtime.block_on(languages::measure())?)?);
    }
    report.print(args.json)
}

struct Plan {
    name: &'static str,
    about: &'static str,
    /// The first is what the others are compared with.
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    contestant: Contestant,
    case: Case,
    /// The row that this one's ratio is to.
    against: Option<String>,
}

fn entry(name: &str, contestant: Contestant, case: Case, against: Option<&str>) -> Entry {
    Entry { name: name.to_owned(), contestant, case, against: against.map(str::to_owned) }
}

fn usual(args: &Args) -> Case {
    let case = Case::usual(1);
    let pages = (args.thousands * 1000).div_ceil(case.changes_per_page());
    Case { pages, ..case }
}

/// The typed SDKs are slow: fewer changes take as long.
fn fewer(case: &Case, divisor: usize) -> Case {
    Case { pages: (case.pages / divisor).max(2), ..case.clone() }
}

const NATIVE: &str = "native: SDK's typed output, function";
const NODE: &str = "node: AWS SDK v3, function";
const FLOOR: &str = "floor: GET, RawValue, bare wasmtime call";

fn baselines(args: &Args) -> Plan {
    let case = usual(args);
    let with_view = |view| Case { view, ..case.clone() };
    let mut entries = vec![
        entry(NATIVE, Contestant::Native, fewer(&case, 4), None),
        entry(FLOOR, Contestant::Floor, case.clone(), None),
        entry("tripline, new image", Contestant::Tripline, case.clone(), Some(NATIVE)),
        entry("tripline, both images", Contestant::Tripline, with_view(CaseView::BothImages), Some(NATIVE)),
        entry("tripline, two attributes", Contestant::Tripline, with_view(CaseView::TwoAttributes), Some(NATIVE)),
    ];
    if node::is_there() {
        entries.insert(1, entry(NODE, Contestant::Node, fewer(&case, 10), Some(NATIVE)));
    }
    Plan {
        name: "baselines",
        about: "items of 500 bytes, both images on the wire, batches of 100, a plugin that reads two attributes",
        entries,
    }
}

fn sizes(args: &Args) -> Plan {
    let mut entries = Vec::new();
    for (name, item_bytes) in [("0.5 KB", 500), ("5 KB", 5_000), ("50 KB", 50_000)] {
        let sized = Case { item_bytes, ..usual(args) };
        // The same bytes, not the same changes.
        let case = Case { pages: usual(args).pages, ..sized };
        let native = format!("{name}: native");
        entries.push(entry(&native, Contestant::Native, fewer(&case, 4), None));
        entries.push(entry(&format!("{name}: tripline"), Contestant::Tripline, case, Some(&native)));
    }
    Plan { name: "sizes", about: "by the size of an item, batches of 100", entries }
}

fn batches(args: &Args) -> Plan {
    let mut entries = Vec::new();
    for batch in [1, 10, 100, 1000] {
        let case = Case { batch, ..usual(args) };
        let case = if batch == 1 { fewer(&case, 10) } else { case };
        let floor = format!("batch {batch}: floor");
        entries.push(entry(&floor, Contestant::Floor, case.clone(), None));
        entries.push(entry(&format!("batch {batch}: tripline"), Contestant::Tripline, case, Some(&floor)));
    }
    Plan { name: "batches", about: "by the batch's size, items of 500 bytes; the floor commits nothing", entries }
}

fn triggers(args: &Args) -> Plan {
    let one = usual(args);
    let ten = Case { triggers: 10, ..fewer(&one, 4) };
    let entries = vec![
        entry("one trigger", Contestant::Tripline, one, None),
        entry("ten triggers, for each", Contestant::Tripline, ten, Some("one trigger")),
    ];
    Plan { name: "triggers", about: "a change counts once for each trigger that handled it", entries }
}

fn filters(args: &Args) -> Plan {
    let mut entries = Vec::new();
    for (size, item_bytes) in [("0.5 KB", 500), ("5 KB", 5_000), ("50 KB", 50_000)] {
        let none = Case { item_bytes, ..usual(args) };
        let with = |filters| Case { filters, ..none.clone() };
        let no_filter = format!("{size}: no filter");
        entries.push(entry(&no_filter, Contestant::Tripline, none.clone(), None));
        for (name, filters) in [
            ("one simple", CaseFilters::One),
            ("ten, each of its kind", CaseFilters::Ten),
            ("one of 5,000 alternatives", CaseFilters::Alternatives),
            ("one that lets one in a hundred through", CaseFilters::Rare),
        ] {
            entries.push(entry(&format!("{size}: {name}"), Contestant::Tripline, with(filters), Some(&no_filter)));
        }
        let ten = Case { triggers: 10, ..fewer(&none, 4) };
        let unfiltered = format!("{size}: ten triggers, no filter");
        entries.push(entry(&unfiltered, Contestant::Tripline, ten.clone(), None));
        let five = Case { filters: CaseFilters::Five, ..ten };
        entries.push(entry(&format!("{size}: ten triggers, five filters each"), Contestant::Tripline, five, Some(&unfiltered)));
    }
    Plan { name: "filters", about: "what filters cost; but for the one in a hundred, all let every change through", entries }
}

fn commits(args: &Args) -> Plan {
    let case = Case { plugin: CasePlugin::AnalyticsCounter, ..usual(args) };
    let uncommitted = Case { commits: false, ..case.clone() };
    let entries = vec![
        entry("analytics-counter, not committed", Contestant::Tripline, uncommitted, None),
        entry("analytics-counter, exact", Contestant::Tripline, case, Some("analytics-counter, not committed")),
    ];
    Plan { name: "commits", about: "three counters moved by each change, batches of 100, each batch a transaction with fsync", entries }
}

impl Plan {
    /// Round by round, so that what disturbs the machine disturbs everybody.
    fn measure(&self, args: &Args) -> Result<Table> {
        let mut runs: Vec<Vec<Used>> = vec![Vec::new(); self.entries.len()];
        for round in 1..=args.runs {
            for (entry, runs) in self.entries.iter().zip(&mut runs) {
                eprintln!("{} {round}/{}: {}", self.name, args.runs, entry.name);
                runs.push(process::measure(entry.contestant, &entry.case)?);
            }
        }
        let mut rows: Vec<Row> = Vec::new();
        for (entry, runs) in self.entries.iter().zip(runs) {
            let used = median(runs, Used::cpu_us_per_change);
            let against = entry.against.as_ref().and_then(|name| rows.iter().find(|row| row.name == *name));
            let ratio = against.map(|row| used.changes_per_cpu_second() / row.used.changes_per_cpu_second());
            rows.push(Row { name: entry.name.clone(), used, against: entry.against.clone(), ratio });
        }
        Ok(Table { name: self.name, about: self.about, rows })
    }
}
