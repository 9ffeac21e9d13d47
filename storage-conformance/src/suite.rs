//! What is made of the one list of cases: a test a case, and the cases by name.

mod list;
mod tables_and_powers;

use storage_core::Result;

use crate::case;
use crate::subject::{Power, Subject};

/// The cases of which one half waits for the crash harness, a line each: `name: what is still to be shown`.
///
/// Lines that begin with `#` say what the list is.
pub const WAITING: &str = include_str!("suite/waiting.txt");

/// Makes one `#[test]` of every case for an engine, on its own type (`typed`) and on `AnyEngine` (`erased`).
///
/// The expression makes a fresh [`Subject`] and is evaluated for every case. What the engine cannot have is named
/// behind it; cases that need it say so instead of running, and the test `coverage` lists them. Stating a power that
/// is there, or none for one that is missing, fails.
///
/// ```
/// use storage_conformance::Damageable;
/// use storage_conformance::plain::PlainStore;
///
/// storage_conformance::suite!({
///     let store = PlainStore::default();
///     Damageable(move || Ok(store.open()))
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($open:expr $(, lacks: [$($power:ident),* $(,)?])? $(,)?) => {
        fn subject() -> impl $crate::Subject {
            $open
        }

        const LACKS: &[$crate::Power] = &[$($($crate::Power::$power),*)?];

        mod typed {
            use super::{LACKS, subject};
            $crate::for_each_case! { [$crate::suite_tests] }
        }

        mod erased {
            use super::LACKS;

            fn subject() -> impl $crate::Subject {
                $crate::Erased(super::subject())
            }
            $crate::for_each_case! { [$crate::suite_tests] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! suite_tests {
    ($($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(mod $theme {
            $(#[test]
            fn $case() {
                $crate::suite::run(&super::subject(), stringify!($case), super::LACKS);
            })*
        })*

        #[test]
        fn coverage() {
            $crate::suite::cover(&subject(), LACKS);
        }
    };
}

/// One claim about an engine, and the function that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Case<S> {
    pub(crate) theme: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: Option<Power>,
    pub(crate) body: fn(&S) -> Result<()>,
}

impl<S: Subject> Case<S> {
    /// What it is about.
    pub fn theme(&self) -> &'static str {
        self.theme
    }

    /// What it claims. No two cases claim the same.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What an engine must have for it to run.
    pub fn needs(&self) -> Option<Power> {
        self.needs
    }

    /// Runs it on a fresh subject.
    ///
    /// # Panics
    ///
    /// Where the claim does not hold.
    pub fn run(&self, subject: &S) {
        if let Err(error) = (self.body)(subject) {
            panic!("{}: an unexpected error: {error:?}", self.name);
        }
    }
}

/// Every case, in the order of the list.
pub fn cases<S: Subject>() -> Vec<Case<S>> {
    let mut cases = Vec::new();
    crate::for_each_case! { [add_cases] cases S }
    cases
}

macro_rules! add_cases {
    ($cases:ident $subject:ident $($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(
            let needs: &[Power] = &[$(Power::$power)?];
            let theme: &[(&'static str, fn(&$subject) -> Result<()>)] =
                &[$((stringify!($case), case::$theme::$case)),*];
            $cases.extend(theme.iter().map(|(name, body)| Case {
                theme: stringify!($theme),
                name,
                needs: needs.first().copied(),
                body: *body,
            }));
        )*
    };
}
use add_cases;

/// Runs the case of a name, or says which power it would need that the engine is stated to lack.
///
/// # Panics
///
/// Where the claim does not hold, and where the power is missing without being stated.
pub fn run<S: Subject>(subject: &S, name: &str, lacks: &[Power]) {
    run_one_of(&cases(), subject, name, lacks);
}

pub(crate) fn run_one_of<S: Subject>(cases: &[Case<S>], subject: &S, name: &str, lacks: &[Power]) {
    let case = cases.iter().find(|case| case.name == name).expect("tests are made from the same list");
    match case.needs.filter(|power| !has(subject, *power)) {
        None => case.run(subject),
        Some(power) => {
            assert!(
                lacks.contains(&power) || !power.is_stated(),
                "{name} needs the power {power:?}, and it is not stated as lacking"
            );
            println!("not applicable: {power}");
        }
    }
}

/// Shows that an engine lacks exactly what it is stated to lack, and lists the cases that this leaves out.
///
/// # Panics
///
/// Where the statement is wrong.
pub fn cover<S: Subject>(subject: &S, lacks: &[Power]) {
    cover_all(&cases(), subject, lacks);
}

pub(crate) fn cover_all<S: Subject>(cases: &[Case<S>], subject: &S, lacks: &[Power]) {
    let lacking: Vec<_> = Power::ALL.into_iter().filter(|power| !has(subject, *power)).collect();
    let to_state: Vec<_> = lacking.iter().copied().filter(|power| power.is_stated()).collect();
    let stated: Vec<_> = Power::ALL.into_iter().filter(|power| lacks.contains(power)).collect();
    assert_eq!(stated, to_state, "the powers stated as lacking, and those that are");
    let (left_out, run): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.needs.is_some_and(|power| lacking.contains(&power)));
    println!("{} cases run, {} are not applicable", run.len(), left_out.len());
    for power in lacking {
        let names: Vec<_> =
            left_out.iter().filter(|case| case.needs == Some(power)).map(|case| case.name).collect();
        println!("not applicable: {power}: {} cases: {}", names.len(), names.join(", "));
    }
}

fn has<S: Subject>(subject: &S, power: Power) -> bool {
    power.is_had_by(subject).expect("a fresh subject opens")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::{PlainEngine, PlainStore};
    use crate::{message_suite, session_suite, task_suite};

    #[test]
    fn cases_that_wait_for_the_crash_harness_are_in_the_lists() {
        fn names<S: Subject>(_: S) -> Vec<&'static str> {
            let (tasks, messages) = (task_suite::cases::<S>(), message_suite::cases::<S>());
            let sessions = session_suite::cases::<S>();
            cases::<S>().iter().chain(&tasks).chain(&messages).chain(&sessions).map(Case::name).collect()
        }
        let names = names(|| -> Result<PlainEngine> { Ok(PlainStore::default().open()) });
        let mut waiting = WAITING.lines().filter(|line| !line.starts_with('#'));
        assert!(waiting.clone().count() > 0);
        let unknown = waiting.find(|line| match line.split_once(": ") {
            Some((name, rest)) => rest.is_empty() || !names.contains(&name),
            None => true,
        });
        assert_eq!(unknown, None, "a case of the lists, and what is still to be shown");
    }
}
