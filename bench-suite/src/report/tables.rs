//! The tables: one a family, the ratio to the bare library first.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::figures::{digits, nanoseconds, number, or_absent, ratio, size, value_size};
use super::json::Finding;
use crate::measure::statistics::Ratio;
use crate::workload::Family;

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// For a terminal.
    Terminal,
    /// For a terminal, with long cells broken to its width.
    Wrapped,
    /// For Markdown.
    Markdown,
}

/// The width of a wrapped table that goes to a file.
const WIDTH_WITHOUT_TERMINAL: u16 = 160;

const HEADER: [&str; 15] = [
    "row",
    "records",
    "value",
    "engine",
    "survives",
    "vs bare",
    "vs port",
    "time/op",
    "+-",
    "ops/s",
    "p50",
    "p99",
    "p99.9",
    "B/op",
    "allocs/op",
];

/// A table for each family that has rows, with its name.
///
/// Who did not run stands below the table, with the reason.
#[must_use]
pub fn by_family(findings: &[Finding], noise: f64, look: Look) -> Vec<(Family, String)> {
    Family::ALL
        .into_iter()
        .filter_map(|family| {
            let of_family: Vec<&Finding> =
                findings.iter().filter(|found| found.row.id.family == family).collect();
            (!of_family.is_empty()).then(|| (family, table(&of_family, noise, look) + &reasons(&of_family)))
        })
        .collect()
}

/// A table in the look that is asked for; the columns from `first_number` on are numbers.
#[must_use]
pub fn drawn(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    first_number: usize,
    look: Look,
) -> String {
    let mut table = Table::new();
    match look {
        Look::Terminal => {
            table.load_preset(presets::UTF8_FULL_CONDENSED);
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        Look::Wrapped => {
            table.load_preset(presets::UTF8_FULL_CONDENSED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            if table.width().is_none() {
                table.set_width(WIDTH_WITHOUT_TERMINAL);
            }
        }
        Look::Markdown => {
            table.load_preset(presets::ASCII_MARKDOWN);
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn table(findings: &[&Finding], noise: f64, look: Look) -> String {
    let ran = findings.iter().filter(|found| found.row.not_run.is_none());
    let mut before = None;
    let rows = ran.map(|found| {
        let id = &found.row.id;
        let what = (id.title(), id.records, id.value_bytes);
        // In a terminal, a row's name stands once above its contestants; in Markdown, rows are sorted and
        // searched.
        let repeated = look == Look::Terminal && before.as_ref() == Some(&what);
        let mut cells = if repeated {
            vec![String::new(); 3]
        } else {
            vec![id.title(), size(id.records), or_absent(id.value_bytes, value_size)]
        };
        before = Some(what);
        cells.push(id.contestant());
        cells.push(id.class.name().to_owned());
        cells.extend(figures(found, noise));
        cells
    });
    drawn(&HEADER, rows, 5, look)
}

fn figures(found: &Finding, noise: f64) -> Vec<String> {
    let row = &found.row;
    let whole = |ns: Option<u64>| or_absent(ns, |ns| nanoseconds(ns as f64));
    let spread = row.ci_low_ns.zip(row.ci_high_ns).zip(row.ns_per_op);
    vec![
        compared(found.vs_bare, noise),
        compared(found.vs_port, noise),
        or_absent(row.ns_per_op, nanoseconds),
        or_absent(spread, |((low, high), ns)| format!("{:.1} %", 100.0 * (high - ns).max(ns - low) / ns)),
        or_absent(row.ops_per_s, number),
        whole(row.p50_ns),
        whole(row.p99_ns),
        whole(row.p999_ns),
        or_absent(row.bytes_allocated_per_op, digits),
        or_absent(row.allocations_per_op, digits),
    ]
}

/// A line for each contestant and reason for not running, with the rows it concerns.
fn reasons(findings: &[&Finding]) -> String {
    let mut reasons: BTreeMap<(String, &str), BTreeSet<&str>> = BTreeMap::new();
    for found in findings {
        if let Some(reason) = &found.row.not_run {
            let rows = reasons.entry((found.row.id.contestant(), reason)).or_default();
            rows.insert(&found.row.id.workload);
        }
    }
    let line = |((contestant, reason), rows): (&(String, &str), &BTreeSet<&str>)| {
        let rows: Vec<&str> = rows.iter().copied().collect();
        format!("\n\nnot run: {contestant} in {}: {reason}", rows.join(", "))
    };
    reasons.iter().map(line).collect()
}

/// A ratio; one that is no real difference is marked.
fn compared(compared: Option<Ratio>, noise: f64) -> String {
    or_absent(compared, |found| {
        let mark = if found.differs(noise) { "" } else { " ~" };
        format!("{}{mark}", ratio(&found.interval))
    })
}

#[cfg(test)]
mod tests {
    use super::super::json::{findings, tests::measured};
    use super::*;

    #[test]
    fn ratios_stand_first_and_reasons_are_shown() {
        let mut absent = measured("bare-btreemap", &[]);
        absent.not_run = Some("no reason at all");
        let group = [
            measured("mem", &(0..16).map(|round| 30.0 + f64::from(round) / 100.0).collect::<Vec<_>>()),
            measured(
                "bare-dashmap",
                &(0..16).map(|round| 20.0 + f64::from(round) / 100.0).collect::<Vec<_>>(),
            ),
            absent,
        ];
        let tables = by_family(&findings(&group), 0.0, Look::Markdown);
        assert_eq!(tables.len(), 1);
        let table = &tables[0].1;
        assert!(table.contains("1.50 [1.50, 1.50] |"), "{table}");
        assert!(table.ends_with("not run: bare-btreemap in get: no reason at all"), "{table}");
    }

    #[test]
    fn what_is_no_difference_is_marked() {
        let series: Vec<f64> = (0..16).map(|round| 30.0 + f64::from(round)).collect();
        let group = [measured("mem", &series), measured("bare-dashmap", &series)];
        assert!(by_family(&findings(&group), 0.0, Look::Terminal)[0].1.contains("1.00 [1.00, 1.00] ~"));
    }
}
