//! Message rows that read.

use std::hint::black_box;

use super::super::keys::Keys;
use super::super::message_data::{self as data, ACCOUNT, CATEGORIES, SPARSE};
use super::super::rows::messages::{CATEGORY, CORRELATED, GROUP, STREAM, STREAMS};
use super::super::{Profile, Setting, Spec, Stint, Variant, Work, rows};
use crate::contestant::messages::{MessageFilters, MessageRows, MessageView};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// Messages of a page of a stream.
const OF_STREAM: u64 = 10;
/// Messages of a page of a category.
const OF_CATEGORY: u64 = 100;
/// Messages of a stream of the honest store, and of the one that a faithful row reads.
const STREAM_LEN: u64 = 100;

/// `stream-10` and `category-100`.
#[derive(Debug)]
pub struct ReadPage<S> {
    subject: S,
    pages: Pages,
    variant: Option<Variant>,
    keys: Keys,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    OfStream,
    OfCategory,
}

/// Whether the data of what is read is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Inside,
    Outside,
}

impl<S: MessageRows> Work for ReadPage<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::messages::read(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { workload, variant, records, .. } = setting.spec;
        let pages = match workload {
            STREAM => Pages::OfStream,
            CATEGORY => Pages::OfCategory,
            other => return Err(Failure::new(format!("{other} is no page of messages"))),
        };
        let subject = S::open(setting)?;
        match (variant, pages) {
            (Some(Variant::Faithful), Pages::OfStream) => subject
                .load((0..STREAM_LEN).map(|sequence| data::event(data::stream(ACCOUNT, 123), sequence)))?,
            // Stream after stream.
            (Some(Variant::Faithful), Pages::OfCategory) => subject.load(
                (0..OF_CATEGORY).map(|number| data::event(data::stream(ACCOUNT, number / 10), number % 10)),
            )?,
            (Some(Variant::Honest), _) => subject.load(data::honest(records))?,
            (None, _) => subject.load(data::sparse(records))?,
        }
        Ok(ReadPage { subject, pages, variant, keys: Keys::new(setting.seed, records) })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match (self.pages, self.variant) {
            (Pages::OfStream, Some(Variant::Honest)) => self.honest_streams(stint, meter),
            (Pages::OfCategory, Some(Variant::Honest)) => self.honest_categories(stint, meter),
            (Pages::OfStream, faithful) => {
                let id = if faithful.is_some() { 123 } else { 3 };
                let stream = data::stream(ACCOUNT, id);
                let read = || self.subject.stream(&stream, 0, OF_STREAM);
                stint.ops().try_for_each(|_| page(OF_STREAM, Look::Outside, read, meter))
            }
            (Pages::OfCategory, _) => {
                let read = || self.subject.category(ACCOUNT, 1, OF_CATEGORY);
                stint.ops().try_for_each(|_| page(SPARSE, Look::Outside, read, meter))
            }
        }
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

impl<S: MessageRows> ReadPage<S> {
    fn honest_streams(&self, stint: &Stint, meter: &mut impl Meter) -> Outcome<()> {
        // A smaller store has shorter streams.
        let len = self.subject.stream(&data::honest_stream(0), 0, STREAM_LEN)?.len() as u64;
        let due = OF_STREAM.min(len);
        for serial in stint.serials() {
            let picked = self.keys.pick(serial);
            let stream = data::honest_stream(picked);
            let from = picked / 7 % (len - due + 1);
            page(due, Look::Inside, || self.subject.stream(&stream, from, due), meter)?;
        }
        Ok(())
    }

    fn honest_categories(&self, stint: &Stint, meter: &mut impl Meter) -> Outcome<()> {
        let categories: Vec<String> = (0..CATEGORIES).map(data::category).collect();
        for serial in stint.serials() {
            let category = &categories[(self.keys.pick(serial) % CATEGORIES) as usize];
            page(OF_CATEGORY, Look::Inside, || self.subject.category(category, 1, OF_CATEGORY), meter)?;
        }
        Ok(())
    }
}

/// One page of so many messages.
fn page<V: MessageView>(
    due: u64,
    look: Look,
    read: impl Fn() -> Outcome<Vec<V>>,
    meter: &mut impl Meter,
) -> Outcome<()> {
    let found = meter.time(|| {
        let page = read()?;
        if look == Look::Inside {
            for message in &page {
                let sequence = message.number("sequence")?;
                black_box(sequence.ok_or_else(|| Failure::new("a message lost its data"))?);
            }
        }
        Ok::<_, Failure>(black_box(&page).len() as u64)
    })?;
    counted("messages", found, due)
}

fn counted(what: &str, found: u64, due: u64) -> Outcome<()> {
    match found == due {
        true => Ok(()),
        false => Err(Failure::new(format!("{found} {what} were read instead of {due}"))),
    }
}

/// `category-100-group-of-8`, `category-10-correlated` and `list-streams-100`.
#[derive(Debug)]
pub struct Filtered<S> {
    subject: S,
    workload: &'static str,
    due: u64,
}

impl<S: MessageFilters> Work for Filtered<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::messages::filters()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        subject.load(data::honest(setting.spec.records))?;
        let mut filtered = Filtered { subject, workload: setting.spec.workload, due: 0 };
        filtered.due = filtered.read()?;
        match filtered.due {
            0 => Err(Failure::new("there is nothing to be read")),
            _ => Ok(filtered),
        }
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        stint.ops().try_for_each(|_| counted("messages or streams", meter.time(|| self.read())?, self.due))
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

impl<S: MessageFilters> Filtered<S> {
    fn read(&self) -> Outcome<u64> {
        // Correlated messages stand in the first category, and every member has a stream there.
        let category = data::category(0);
        let page = match self.workload {
            GROUP => self.subject.group_page(&category, 3, 8, OF_CATEGORY)?,
            CORRELATED => self.subject.correlated_page(&category, "transfer", OF_CATEGORY)?,
            STREAMS => return Ok(self.subject.streams_page(OF_CATEGORY)? as u64),
            other => return Err(Failure::new(format!("{other} is no filtered page"))),
        };
        Ok(black_box(&page).len() as u64)
    }
}
