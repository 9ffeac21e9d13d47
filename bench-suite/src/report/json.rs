//! `report.json`: one object with every figure, in a versioned schema. What is absent is null, never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contestant::Role;
use crate::measure::bout::Measured;
use crate::measure::machine::Machine;
use crate::measure::statistics::{Interval, Ratio, median};
use crate::workload::{Profile, RowId};

/// The version of the schema. It changes when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Everything that a run found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where.
    pub machine: Machine,
    /// What each engine read back, by engine; and under `bench` what the run itself was set to.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// When, as RFC 3339 in UTC.
    pub started: String,
    /// How much.
    pub profile: Profile,
    /// The figures.
    pub rows: Vec<Row>,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    #[serde(flatten)]
    pub id: RowId,
    /// Wall time x threads / operations: the median of the rounds.
    pub ns_per_op: Option<f64>,
    /// How many rounds there were.
    pub rounds: Option<u64>,
    /// How many latencies were taken.
    pub samples: Option<u64>,
    /// The lower end of the 95 % interval of `ns_per_op`.
    pub ci_low_ns: Option<f64>,
    /// The upper end of it.
    pub ci_high_ns: Option<f64>,
    /// Operations a second, of all threads, from the same rounds.
    pub ops_per_s: Option<f64>,
    /// Half of the operations were done within this.
    pub p50_ns: Option<u64>,
    /// 90 % were.
    pub p90_ns: Option<u64>,
    /// 99 % were.
    pub p99_ns: Option<u64>,
    /// 99.9 % were.
    pub p999_ns: Option<u64>,
    /// The slowest was.
    pub max_ns: Option<u64>,
    /// Bytes that an operation allocates.
    pub bytes_allocated_per_op: Option<f64>,
    /// Allocations of an operation.
    pub allocations_per_op: Option<f64>,
    /// Times that an operation forces data to the disk.
    pub fsyncs_per_op: Option<f64>,
    /// Bytes that an operation writes to storage.
    pub bytes_written_per_op: Option<f64>,
    /// The peak of the process's memory while the contestant was alone.
    pub rss_peak_bytes: Option<u64>,
    /// What is on the disk afterwards.
    pub disk_bytes: Option<u64>,
    /// Conflicts of an operation.
    pub conflicts_per_op: Option<f64>,
    /// Retries of an operation.
    pub retries_per_op: Option<f64>,
    /// The rate at which operations were offered, in an open loop.
    pub offered_ops_per_s: Option<f64>,
    /// Time of ours / time of the fastest bare library of the same class, in the same rounds.
    pub vs_bare: Option<f64>,
    /// Time of ours / time of the fastest port of the same class, in the same rounds.
    pub vs_port: Option<f64>,
    /// Why there are no figures, where it could not run.
    pub not_run: Option<String>,
}

/// A row with what the report's tables show beside it and comparisons need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The row.
    pub row: Row,
    /// Its `vs_bare` with its interval.
    pub vs_bare: Option<Ratio>,
    /// Its `vs_port` with its interval.
    pub vs_port: Option<Ratio>,
    /// `ns_per_op` of each round.
    pub round_ns: Vec<f64>,
    /// `p50_ns` with its interval.
    pub p50: Option<Interval>,
    /// `p999_ns` with its interval.
    pub p999: Option<Interval>,
}

/// The findings of one group: only what was measured together is put into a ratio.
#[must_use]
pub fn findings(group: &[Measured]) -> Vec<Finding> {
    group.iter().map(|measured| finding(measured, group)).collect()
}

fn finding(measured: &Measured, group: &[Measured]) -> Finding {
    let vs_bare = ratio_to(Role::Bare, measured, group);
    let vs_port = ratio_to(Role::Port, measured, group);
    let ns_per_op = median(&measured.round_ns);
    let interval = Interval::of(&measured.round_ns);
    let latencies = &measured.latencies;
    let counted = |count: u64| (count > 0).then_some(count);
    let row = Row {
        ns_per_op,
        rounds: counted(measured.round_ns.len() as u64),
        samples: counted(latencies.len()),
        ci_low_ns: interval.map(|interval| interval.low),
        ci_high_ns: interval.map(|interval| interval.high),
        ops_per_s: ns_per_op.map(|ns| 1e9 * f64::from(measured.id.threads) / ns),
        p50_ns: latencies.quantile(0.5),
        p90_ns: latencies.quantile(0.9),
        p99_ns: latencies.quantile(0.99),
        p999_ns: latencies.quantile(0.999),
        max_ns: latencies.max(),
        bytes_allocated_per_op: measured.bytes_allocated_per_op,
        allocations_per_op: measured.allocations_per_op,
        fsyncs_per_op: measured.fsyncs_per_op,
        bytes_written_per_op: measured.bytes_written_per_op,
        rss_peak_bytes: measured.rss_peak_bytes,
        disk_bytes: measured.disk_bytes,
        conflicts_per_op: measured.conflicts_per_op,
        retries_per_op: measured.retries_per_op,
        offered_ops_per_s: None,
        vs_bare: vs_bare.map(|ratio| ratio.interval.median),
        vs_port: vs_port.map(|ratio| ratio.interval.median),
        not_run: measured.not_run.map(str::to_owned),
        id: measured.id.clone(),
    };
    let (p50, p999) = (latencies.quantile_interval(0.5), latencies.quantile_interval(0.999));
    Finding { row, vs_bare, vs_port, round_ns: measured.round_ns.clone(), p50, p999 }
}

/// The library by hand that one of ours stands beside, where there is one in particular.
fn library_of(id: &RowId) -> Option<&'static str> {
    match (id.engine.as_str(), id.mode.as_deref()) {
        ("redb", _) => Some("bare-redb"),
        ("sqlite" | "sqlite-memory", _) => Some("bare-rusqlite"),
        ("fs", Some(_)) => Some("bare-files"),
        ("fs", None) => Some("bare-log"),
        _ => None,
    }
}

/// The ratio of one of ours to the fastest of a role, in its class and at its size; to its own library where it has
/// one, and in its mode as well where the role has that.
fn ratio_to(role: Role, measured: &Measured, group: &[Measured]) -> Option<Ratio> {
    if Role::of(&measured.id.engine) != Role::Ours {
        return None;
    }
    let library = library_of(&measured.id).filter(|_| role == Role::Bare);
    let comparable = group.iter().filter(|other| {
        Role::of(&other.id.engine) == role
            && library.is_none_or(|library| library == other.id.engine)
            && other.id.class == measured.id.class
            && other.id.records == measured.id.records
    });
    let timed = comparable.filter_map(|other| Some((median(&other.round_ns)?, other)));
    let of_another_mode = |other: &Measured| other.id.mode != measured.id.mode;
    let (_, fastest) =
        timed.min_by(|a, b| of_another_mode(a.1).cmp(&of_another_mode(b.1)).then(a.0.total_cmp(&b.0)))?;
    Ratio::of(&measured.round_ns, &fastest.round_ns)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::measure::machine::Disk;
    use crate::measure::meter::Latencies;
    use crate::report::time::rfc3339;
    use crate::workload::{Class, Family};

    pub(crate) fn measured(engine: &str, round_ns: &[f64]) -> Measured {
        let id = RowId {
            family: Family::Engine,
            workload: "get".to_owned(),
            variant: None,
            engine: engine.to_owned(),
            mode: None,
            class: Class::Memory,
            threads: 1,
            records: 10_000,
            value_bytes: Some(100),
        };
        Measured {
            id,
            not_run: None,
            round_ns: round_ns.to_vec(),
            latencies: Latencies::default(),
            bytes_allocated_per_op: None,
            allocations_per_op: None,
            fsyncs_per_op: None,
            bytes_written_per_op: None,
            rss_peak_bytes: None,
            disk_bytes: None,
            conflicts_per_op: None,
            retries_per_op: None,
            settings: Vec::new(),
        }
    }

    pub(crate) fn report(rows: Vec<Row>) -> Report {
        let machine = Machine {
            cpu: None,
            cores: 2,
            memory_bytes: None,
            disk: Disk::default(),
            kernel: None,
            load_before: None,
            load_after: None,
            fsync_us: 1.0,
            sha256_4k_ns: 1.0,
            crc32_4k_ns: 1.0,
            cpu_scale: 1.0,
            clock_ns: 1,
            key_ns: 1.0,
            noise_floor: Vec::new(),
            rustc: None,
            commit: None,
            versions: BTreeMap::new(),
        };
        Report {
            schema: SCHEMA,
            machine,
            settings: BTreeMap::new(),
            started: rfc3339(UNIX_EPOCH + Duration::from_secs(1)),
            profile: Profile::Quick,
            rows,
        }
    }

    #[test]
    fn every_field_of_the_schema_is_there_and_absent_ones_are_null() {
        let row = findings(&[measured("mem", &[])]).remove(0).row;
        let json = serde_json::to_value(report(vec![row])).unwrap();
        let mut top: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        top.sort_unstable();
        assert_eq!(top, ["machine", "profile", "rows", "schema", "settings", "started"]);
        assert_eq!((&json["schema"], &json["profile"]), (&1.into(), &"quick".into()));

        let row = json["rows"][0].as_object().unwrap();
        let known: [(&str, serde_json::Value); 7] = [
            ("family", "engine".into()),
            ("workload", "get".into()),
            ("engine", "mem".into()),
            ("class", "memory".into()),
            ("threads", 1.into()),
            ("records", 10_000.into()),
            ("value_bytes", 100.into()),
        ];
        let absent = "variant mode ns_per_op rounds samples ci_low_ns ci_high_ns ops_per_s p50_ns p90_ns \
                      p99_ns p999_ns max_ns bytes_allocated_per_op allocations_per_op fsyncs_per_op \
                      bytes_written_per_op rss_peak_bytes disk_bytes conflicts_per_op retries_per_op \
                      offered_ops_per_s vs_bare vs_port not_run";
        let absent: Vec<&str> = absent.split_whitespace().collect();
        assert_eq!(row.len(), known.len() + absent.len());
        for (name, value) in known {
            assert_eq!(row[name], value, "{name}");
        }
        for name in absent {
            assert!(row[name].is_null(), "{name}");
        }
    }

    #[test]
    fn a_report_reads_back() {
        let row = findings(&[measured("mem", &[10.0; 8])]).remove(0).row;
        let json = serde_json::to_string(&report(vec![row])).unwrap();
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(back.rows[0].ns_per_op, Some(10.0));
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }

    #[test]
    fn classes_and_variants_have_the_names_of_the_schema() {
        let name = |class| serde_json::to_value::<Class>(class).unwrap();
        assert_eq!(name(Class::ProcessCrash), "process-crash");
        assert_eq!(name(Class::PowerLoss), "power-loss");
        for class in [Class::Memory, Class::None, Class::ProcessCrash, Class::PowerLoss] {
            assert_eq!(name(class), class.name());
        }
    }

    #[test]
    fn ours_is_put_beside_the_fastest_bare_library_of_its_class() {
        let mut on_disk = measured("bare-redb", &[1.0; 8]);
        on_disk.id.class = Class::PowerLoss;
        let mut larger = measured("bare-dashmap", &[5.0; 8]);
        larger.id.records *= 10;
        let group = [
            measured("mem", &[30.0; 8]),
            measured("bare-btreemap", &[60.0; 8]),
            measured("bare-dashmap", &[20.0; 8]),
            on_disk,
            larger,
        ];
        let findings = findings(&group);
        assert_eq!(findings[0].row.vs_bare, Some(1.5));
        assert_eq!(findings[0].row.vs_port, None);
        assert!(findings[1..].iter().all(|finding| finding.row.vs_bare.is_none()));
        assert_eq!(findings[0].row.ops_per_s, Some(1e9 / 30.0));
    }

    #[test]
    fn an_engine_on_a_library_is_put_beside_that_library() {
        let group = [
            measured("redb", &[30.0; 8]),
            measured("fs", &[30.0; 8]),
            measured("bare-redb", &[20.0; 8]),
            measured("bare-log", &[10.0; 8]),
        ];
        let ratios: Vec<Option<f64>> = findings(&group).iter().map(|finding| finding.row.vs_bare).collect();
        assert_eq!(ratios, [Some(1.5), Some(3.0), None, None]);
    }
}
