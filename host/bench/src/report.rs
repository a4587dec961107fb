//! What comes out: Markdown tables as docs/performance.md has them, or JSON.

use anyhow::Result;
use serde::Serialize;

use crate::measure::Used;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) tables: Vec<Table>,
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

impl Report {
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for table in &self.tables {
            println!("\n### {}: {}\n", table.name, table.about);
            println!("| | changes per CPU second | CPU µs per change | wall µs per change | ratio |");
            println!("|---|---:|---:|---:|---|");
            for row in &table.rows {
                let Used { changes, wall_seconds, .. } = row.used;
                let (per_second, cpu) = (row.used.changes_per_cpu_second(), row.used.cpu_us_per_change());
                let wall = wall_seconds * 1e6 / changes as f64;
                println!("| {} | {per_second:.0} | {cpu:.2} | {wall:.2} | {} |", row.name, row.ratio_text());
            }
        }
        Ok(())
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
