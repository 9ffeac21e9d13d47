//! Times as text, to the nanosecond: RFC 3339, in UTC.

use storage_core::Timestamp;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 24 * 60 * 60;

/// A time as RFC 3339 text in UTC, with as many digits of the second as it has.
///
/// ```
/// use storage_core::Timestamp;
/// use storage_stores::messages::format_time;
///
/// assert_eq!(format_time(Timestamp::from_nanos(1_500_000_000)), "1970-01-01T00:00:01.5Z");
/// ```
pub fn format_time(time: Timestamp) -> String {
    let (seconds, nanos) = (time.as_nanos() / SECOND, time.as_nanos() % SECOND);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        text.push_str(format!(".{nanos:09}").trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// The time of RFC 3339 text, or of a date alone, which is its midnight in UTC. `None` for anything else, and outside
/// of 1970 to 2554. Digits past the nanosecond are dropped.
///
/// ```
/// use storage_stores::messages::{format_time, parse_time};
///
/// let time = parse_time("2024-02-29T13:00:00.123456789+01:00").expect("it is a time");
/// assert_eq!(format_time(time), "2024-02-29T12:00:00.123456789Z");
/// assert_eq!(parse_time("2024-02-29"), parse_time("2024-02-29T00:00:00Z"));
/// assert_eq!(parse_time("2023-02-29"), None);
/// ```
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let mut text = Text(text);
    let (year, month, day) = (text.digits(4)?, text.after(b"-")?.digits(2)?, text.after(b"-")?.digits(2)?);
    let days = days_to(year, month, day)?;
    if text.0.is_empty() {
        return timestamp(i64::try_from(days * DAY).ok()?, 0);
    }
    let hour = text.after(b"Tt ")?.digits(2).filter(|hour| *hour < 24)?;
    let minute = text.after(b":")?.digits(2).filter(|minute| *minute < 60)?;
    // A leap second is the first of the next minute.
    let second = text.after(b":")?.digits(2).filter(|second| *second <= 60)?;
    let nanos = text.fraction()?;
    let offset = text.offset()?;
    let seconds = i64::try_from(days * DAY + hour * 3600 + minute * 60 + second).ok()?;
    timestamp(seconds - offset, nanos)
}

fn timestamp(seconds: i64, nanos: u64) -> Option<Timestamp> {
    let nanos = u64::try_from(seconds).ok()?.checked_mul(SECOND)?.checked_add(nanos)?;
    Some(Timestamp::from_nanos(nanos))
}

/// What is left of a text.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn digits(&mut self, len: usize) -> Option<u64> {
        let (digits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
    }

    /// Goes past one of these characters.
    fn after(&mut self, one_of: &[u8]) -> Option<&mut Self> {
        one_of.contains(self.0.as_bytes().first()?).then_some(())?;
        self.0 = &self.0[1..];
        Some(self)
    }

    /// The nanoseconds of a fraction of a second, if there is one.
    fn fraction(&mut self) -> Option<u64> {
        let Some(rest) = self.0.strip_prefix('.') else { return Some(0) };
        let len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(len);
        self.0 = rest;
        let padded = format!("{digits:0<9}");
        (len > 0).then(|| padded[..9].parse().ok())?
    }

    /// The seconds by which the time is ahead of UTC. Nothing may follow.
    fn offset(mut self) -> Option<i64> {
        let sign = match self.0.as_bytes().first()? {
            b'Z' | b'z' => return (self.0.len() == 1).then_some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.after(b"+-")?.digits(2).filter(|hours| *hours < 24)?;
        let minutes = self.after(b":")?.digits(2).filter(|minutes| *minutes < 60)?;
        let seconds = i64::try_from(hours * 3600 + minutes * 60).ok()?;
        self.0.is_empty().then_some(sign * seconds)
    }
}

/// The year, month and day of a day counted from the first of 1970, in the Gregorian calendar.
///
/// Years are counted from March, so that a leap day is the last of its year.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let year = era * 400 + year + u64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day - (153 * month + 2) / 5 + 1)
}

/// The days from the first of 1970 to a date. `None` before, and for a date that there is not.
fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let from_march = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (from_march / 400, from_march % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = days.checked_sub(719_468)?;
    (date_of(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_as_dates_and_dates_as_days() {
        for days in (0..213_503).step_by(7).chain([58, 59, 60, 10_956, 10_957, 19_782]) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_to(year, month, day), Some(days));
        }
        assert_eq!((date_of(0), date_of(19_782)), ((1970, 1, 1), (2024, 2, 29)));
        assert_eq!((days_to(1900, 1, 1), days_to(2100, 2, 29), days_to(2024, 4, 31)), (None, None, None));
    }

    #[test]
    fn times_come_back_to_the_last_digit() {
        for nanos in [0, 1, 999_999_999, 1_700_000_000_123_456_789, 1_700_000_000_120_000_000, u64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(parse_time(&format_time(time)), Some(time));
        }
    }

    #[test]
    fn other_text_is_no_time() {
        for text in [
            "",
            "2024",
            "2024-1-01",
            "2024-01-01T",
            "2024-01-01T00:00:00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00Zx",
            "2024-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+01:00",
            "2555-01-01T00:00:00Z",
            "+024-01-01",
            "２０２４-01-01",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(
            parse_time("2024-01-01t00:00:00.1234567899z"),
            parse_time("2024-01-01 00:00:00.123456789Z")
        );
    }
}
