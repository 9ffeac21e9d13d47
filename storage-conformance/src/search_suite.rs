//! The one list of cases of the text index, run on every engine as the cases of the engines are.

use crate::suite::functions_of;

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
    ($($subject:tt)*) => {
        $crate::tests_of! { search_suite for_each_search_case $($subject)* }
    };
}

functions_of! { for_each_search_case, search_case, None }
