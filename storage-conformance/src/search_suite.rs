//! The one list of cases of the text index, run on every engine as the cases of the engines are.

use storage_core::Result;

use crate::search_case;
use crate::subject::{Power, Subject};
use crate::suite::{Case, cover_all, run_one_of};

/// Hands the list of all cases to a macro, as `for_each_case` does.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_search_case {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            documents {
                words_prefixes_and_phrases_are_found
                best_documents_come_first
                put_replaces_what_was_indexed
                removed_document_is_found_nowhere
                fields_and_keys_narrow_a_search
                arguments_are_checked
            }
            visibility {
                uncommitted_documents_are_found_in_their_transaction_alone
                failed_transaction_leaves_no_words
                snapshots_find_what_was_there
            }
            scopes {
                scopes_are_apart
            }
            races {
                writers_of_different_documents_never_conflict
                writers_of_one_document_conflict
                tending_lets_writers_be
                writers_and_tenders_at_once_agree
            }
            tending {
                tended_index_finds_the_same
                segments_forget_documents_that_went
            }
            costs {
                write_puts_one_record_and_counts
                search_reads_the_segments_of_its_words
            }
            reopening needs Reopen {
                indexed_documents_are_found_after_reopening
            }
            damage needs Damage {
                unreadable_document_is_reported
                unreadable_words_are_in_nobody_elses_way
            }
        }
    };
}

/// Makes one `#[test]` of every case of the text index for an engine, on its own type and on `AnyEngine`.
///
/// It takes what [`suite!`](crate::suite!) takes.
///
/// ```text
/// storage_conformance::search_suite!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! search_suite {
    ($open:expr $(, lacks: [$($power:ident),* $(,)?])? $(,)?) => {
        fn subject() -> impl $crate::Subject {
            $open
        }

        const LACKS: &[$crate::Power] = &[$($($crate::Power::$power),*)?];

        mod typed {
            use super::{LACKS, subject};
            $crate::for_each_search_case! { [$crate::search_suite_tests] }
        }

        mod erased {
            use super::LACKS;

            fn subject() -> impl $crate::Subject {
                $crate::Erased(super::subject())
            }
            $crate::for_each_search_case! { [$crate::search_suite_tests] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! search_suite_tests {
    ($($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(mod $theme {
            $(#[test]
            fn $case() {
                $crate::search_suite::run(&super::subject(), stringify!($case), super::LACKS);
            })*
        })*

        #[test]
        fn coverage() {
            $crate::search_suite::cover(&subject(), LACKS);
        }
    };
}

/// Every case, in the order of the list.
pub fn cases<S: Subject>() -> Vec<Case<S>> {
    let mut cases = Vec::new();
    crate::for_each_search_case! { [add_cases] cases S }
    cases
}

macro_rules! add_cases {
    ($cases:ident $subject:ident $($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(
            let needs: &[Power] = &[$(Power::$power)?];
            let theme: &[(&'static str, fn(&$subject) -> Result<()>)] = &[$((stringify!($case), |subject| {
                search_case::$theme::$case(subject)
            })),*];
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

/// Shows that an engine lacks exactly what it is stated to lack, and lists the cases that this leaves out.
///
/// # Panics
///
/// Where the statement is wrong.
pub fn cover<S: Subject>(subject: &S, lacks: &[Power]) {
    cover_all(&cases(), subject, lacks);
}
