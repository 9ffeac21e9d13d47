//! `report.md`: the same tables, with the machine, the method, and what each row means.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::figures::{ABSENT, bytes, nanoseconds, or_absent, ratio};
use super::json::{Finding, Report};
use super::tables::{Look, by_family};
use crate::contestant::Role;
use crate::measure::machine::Machine;
use crate::workload::Family;
use crate::workload::rows::meaning;

const METHOD: &str = "\
- All contestants of a row run the same batches in turn, in the order A B C, then C B A. A ratio is taken \
round by round; its median stands first, the 95 % interval behind it (order statistics). A ratio marked \
`~` is no difference: its interval reaches 1 within the noise, or the rank test (Mann-Whitney, 5 %) sees \
none.
- `vs bare` and `vs port` are the time of ours over the time of the fastest bare library or port of the \
same class.
- `time/op` is wall time x threads / operations, the median of the rounds, and `+-` the farther end of its \
95 % interval; operations a second come from the same rounds. Work that was put off is finished inside the \
time.
- Percentiles come from a pass of its own with a clock around each operation, each contestant alone. They \
contain one reading of the clock, and `time/op` of a row of single records the making of its key; the \
table of the machine names both.
- `B/op` and `allocs/op` are counted on the threads that work, keys and values that the row makes inside \
the time included.
- Results are comparable only inside one class: what a finished write survives.
";

/// The whole page.
#[must_use]
pub fn page(report: &Report, findings: &[Finding], command: &str) -> String {
    let mut page = String::from("# Bench report\n\n");
    let profile = format!("{:?}", report.profile).to_lowercase();
    line(&mut page, &format!("Started {}, profile {profile}. To repeat it: `{command}`", report.started));
    for warning in report.machine.warnings() {
        line(&mut page, &format!("\n**Warning:** {warning}."));
    }
    page.push_str("\n## Machine\n\n| | |\n|---|---|\n");
    for (name, value) in card(&report.machine) {
        line(&mut page, &format!("| {name} | {value} |"));
    }
    page.push_str("\n## Method\n\n");
    page.push_str(METHOD);
    for (family, table) in by_family(findings, report.machine.noise(), Look::Markdown) {
        line(&mut page, &format!("\n## Family {}\n\n{table}", family.name()));
    }
    page.push_str("\n## What an operation is\n\n");
    let mut told = BTreeSet::new();
    for Finding { row, .. } in findings {
        let variant = row.id.variant;
        if let Some(text) = meaning(&row.id.workload, variant)
            && told.insert((row.id.workload.clone(), variant))
        {
            let reading = variant.map_or_else(String::new, |variant| format!(" ({})", variant.name()));
            line(&mut page, &format!("- `{}`{reading}: {text}.", row.id.workload));
        }
    }
    page.push_str("\n## What the others are\n\n");
    for (engine, sources) in sources(findings) {
        let sources: Vec<String> = sources.iter().map(|file| format!("`{SOURCES}{file}`")).collect();
        line(&mut page, &format!("- `{engine}`: {}", sources.join(", ")));
    }
    page.push_str("\n## Settings, read back\n\n");
    for (engine, settings) in &report.settings {
        let settings: Vec<String> =
            settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        line(&mut page, &format!("- `{engine}`: {}", settings.join(", ")));
    }
    page
}

/// Where the source of hand-written code and ports is.
const SOURCES: &str = "bench-suite/src/contestant/";

/// The files of each that is not ours. A library's task store has a file of its own beside the library's.
fn sources(findings: &[Finding]) -> BTreeMap<&str, BTreeSet<String>> {
    let mut sources: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for Finding { row, .. } in findings {
        let of_tasks = match (Role::of(&row.id.engine), row.id.family) {
            (Role::Ours, _) => continue,
            (Role::Bare, Family::Tasks) => "_tasks",
            _ => "",
        };
        let file = format!("{}{of_tasks}.rs", row.id.engine.replace('-', "_"));
        sources.entry(&row.id.engine).or_default().insert(file);
    }
    sources
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("writing into a string does not fail");
}

/// Name and value of everything on the machine card.
#[must_use]
pub fn card(machine: &Machine) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| ABSENT.to_owned());
    let load = |load: Option<f64>| or_absent(load, |load| format!("{load:.2}"));
    let size = |size: Option<u64>| or_absent(size, |size| bytes(size as f64));
    let disk = &machine.disk;
    let versions: Vec<String> =
        machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let noise = machine.noise_floor.iter().map(|noise| format!("{}: {}", noise.row, ratio(&noise.ratio)));
    let noise = noise.collect::<Vec<_>>().join("; ");
    vec![
        ("CPU", format!("{}, {} threads", text(&machine.cpu), machine.cores)),
        ("memory", size(machine.memory_bytes)),
        (
            "disk",
            format!(
                "{}, {}, {}, {}",
                text(&disk.device),
                size(disk.bytes),
                text(&disk.file_system),
                text(&disk.options)
            ),
        ),
        ("kernel", text(&machine.kernel)),
        ("load before, after", format!("{}, {}", load(machine.load_before), load(machine.load_after))),
        ("write 8 KiB and fdatasync", nanoseconds(machine.fsync_us * 1_000.0)),
        (
            "SHA-256, CRC-32 of 4 KiB",
            format!("{}, {}", nanoseconds(machine.sha256_4k_ns), nanoseconds(machine.crc32_4k_ns)),
        ),
        ("CPU time against the originals' machine", format!("x {:.2}", machine.cpu_scale)),
        ("one reading of the clock", nanoseconds(machine.clock_ns as f64)),
        ("choosing a record and making its key", nanoseconds(machine.key_ns)),
        ("the same thing against itself", if noise.is_empty() { ABSENT.to_owned() } else { noise }),
        ("rustc", text(&machine.rustc)),
        ("commit", text(&machine.commit)),
        ("libraries", versions.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::json::{findings, tests::measured, tests::report};
    use super::*;
    use crate::contestant::roster;
    use crate::measure::bout::Measured;
    use crate::workload::Profile;

    #[test]
    fn the_page_has_the_machine_the_table_and_the_meaning() {
        let findings = findings(&[measured("mem", &[30.0; 16]), measured("bare-dashmap", &[20.0; 16])]);
        let rows = findings.iter().map(|found| found.row.clone()).collect();
        let page = page(&report(rows), &findings, "bench --quick");
        for part in [
            "`bench --quick`",
            "| kernel | - |",
            "## Family engine",
            "1.50 [1.50, 1.50]",
            "- `get`: read a random",
            "- `bare-dashmap`: `bench-suite/src/contestant/bare_dashmap.rs`",
        ] {
            assert!(page.contains(part), "{part} is missing in:\n{page}");
        }
    }

    #[test]
    fn the_source_of_everyone_else_is_where_the_page_says() {
        let groups = roster(Profile::Full).into_groups();
        let entrants = groups.iter().flat_map(|group| &group.entrants);
        let measured = entrants.map(|entrant| Measured { id: entrant.id(), ..measured("mem", &[]) });
        let findings = findings(&measured.collect::<Vec<_>>());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SOURCES);
        let sources = sources(&findings);
        assert!(sources.contains_key("bare-redb") && sources.contains_key("port-tasks-memory"));
        for file in sources.values().flatten() {
            assert!(root.join(file).exists(), "{file}");
        }
    }
}
