//! Numbers for people: three digits and a unit that fits.

use crate::measure::statistics::Interval;

/// What a table shows where there is no figure.
pub const ABSENT: &str = "-";

/// A time: `12.3 ns`, `4.56 us`, `789 ms`.
#[must_use]
pub fn nanoseconds(ns: f64) -> String {
    scaled(ns, 1_000.0, &["ns", "us", "ms", "s"])
}

/// A number of bytes: `123 B`, `4.56 KiB`.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1_024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A number: `123`, `4.56 k`, `7.89 M`.
#[must_use]
pub fn number(number: f64) -> String {
    scaled(number, 1_000.0, &["", "k", "M", "G"]).trim_end().to_owned()
}

/// A number that is a choice rather than a measurement: `1 k`, `10 k`, `1.5 k`.
#[must_use]
pub fn size(size: u64) -> String {
    plain(size, 1_000, &["", " k", " M"])
}

/// Bytes that are a choice rather than a measurement: `100 B`, `64 KiB`.
#[must_use]
pub fn value_size(bytes: u64) -> String {
    plain(bytes, 1_024, &[" B", " KiB", " MiB"])
}

fn plain(size: u64, step: u64, units: &[&str]) -> String {
    let mut scale = 1;
    let mut unit = 0;
    while size / scale >= step && unit + 1 < units.len() {
        scale *= step;
        unit += 1;
    }
    format!("{}{}", size as f64 / scale as f64, units[unit])
}

/// A ratio with its interval: `1.42 [1.38, 1.47]`.
#[must_use]
pub fn ratio(interval: &Interval) -> String {
    format!("{} [{}, {}]", digits(interval.median), digits(interval.low), digits(interval.high))
}

/// What `show` makes of a figure, or the sign for none.
#[must_use]
pub fn or_absent<T>(figure: Option<T>, show: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| ABSENT.to_owned(), show)
}

fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut unit = 0;
    // 999.5 would be shown with four digits.
    while number.abs() >= step - 0.5 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    format!("{} {}", digits(number), units[unit])
}

/// Three digits, as far as they are after the point.
#[must_use]
pub fn digits(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude >= 99.95 {
        format!("{number:.0}")
    } else if magnitude >= 9.995 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_fitting_unit() {
        assert_eq!(nanoseconds(12.345), "12.3 ns");
        assert_eq!(nanoseconds(999.7), "1.00 us");
        assert_eq!(nanoseconds(4_560.0), "4.56 us");
        assert_eq!(nanoseconds(7.89e9), "7.89 s");
        assert_eq!(bytes(2_048.0), "2.00 KiB");
        assert_eq!(number(0.0), "0.00");
        assert_eq!((size(10_000), size(6_400), size(10)), ("10 k".into(), "6.4 k".into(), "10".into()));
        assert_eq!((value_size(100), value_size(64 << 10)), ("100 B".into(), "64 KiB".into()));
        assert_eq!(number(1_234_567.0), "1.23 M");
        assert_eq!(ratio(&Interval { low: 1.0, median: 12.34, high: 150.0 }), "12.3 [1.00, 150]");
        assert_eq!(or_absent(None::<f64>, nanoseconds), ABSENT);
    }
}
