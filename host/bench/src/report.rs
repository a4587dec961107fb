//! What comes out: Markdown tables as docs/performance.md has them, or JSON.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::measure::Used;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    tables: Vec<Either>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Either {
    Costs(Table),
    Sheet(Sheet),
}

impl From<Table> for Either {
    fn from(table: Table) -> Self {
        Self::Costs(table)
    }
}

impl From<Sheet> for Either {
    fn from(sheet: Sheet) -> Self {
        Self::Sheet(sheet)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) used: Used,
    pub(crate) against: Option<String>,
    /// Of changes per processor second, to those of `against`: above 1 is faster.
    pub(crate) ratio: Option<f64>,
}

/// A table with columns of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Sheet {
    name: &'static str,
    about: &'static str,
    rows: Vec<Value>,
    #[serde(skip)]
    head: &'static [&'static str],
    #[serde(skip)]
    cells: Vec<Vec<String>>,
}

/// A row of a sheet, as people read it; `Serialize` is for scripts.
pub(crate) trait Cells: Serialize + Sized {
    const HEAD: &'static [&'static str];
    /// One for each of the head.
    fn cells(&self, above: &[Self]) -> Vec<String>;
}

impl Sheet {
    pub(crate) fn of<R: Cells>(name: &'static str, about: &'static str, rows: &[R]) -> Result<Self> {
        let cells = rows.iter().enumerate().map(|(index, row)| row.cells(&rows[..index])).collect();
        let rows = rows.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        Ok(Self { name, about, rows, head: R::HEAD, cells })
    }

    fn print(&self) {
        println!("\n### {}: {}\n", self.name, self.about);
        println!("| {} |", self.head.join(" | "));
        println!("|{}", "---:|".repeat(self.head.len()));
        for cells in &self.cells {
            println!("| {} |", cells.join(" | "));
        }
    }
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}

impl Report {
    pub(crate) fn add(&mut self, table: impl Into<Either>) {
        self.tables.push(table.into());
    }

    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for table in &self.tables {
            match table {
                Either::Costs(table) => table.print(),
                Either::Sheet(sheet) => sheet.print(),
            }
        }
        Ok(())
    }
}

impl Table {
    fn print(&self) {
        println!("\n### {}: {}\n", self.name, self.about);
        println!("| | changes per CPU second | CPU µs per change | wall µs per change | ratio |");
        println!("|---|---:|---:|---:|---|");
        for row in &self.rows {
            let Used { changes, wall_seconds, .. } = row.used;
            let (per_second, cpu) = (row.used.changes_per_cpu_second(), row.used.cpu_us_per_change());
            let wall = wall_seconds * 1e6 / changes as f64;
            println!("| {} | {per_second:.0} | {cpu:.2} | {wall:.2} | {} |", row.name, row.ratio_text());
        }
    }
}

impl Row {
    fn ratio_text(&self) -> String {
        match (&self.against, self.ratio) {
            (Some(against), Some(ratio)) => format!("{ratio:.2}x of {against}"),
            _ => String::new(),
        }
    }
}
