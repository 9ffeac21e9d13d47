//! The one list of cases of the session store, run on every engine as the cases of the engines are.
//!
//! Those with a number are the requirements of that number.

use storage_core::{Engine, Error, Kind, Result, Survives};
use storage_stores::sessions::SessionError;

use crate::session_case;
use crate::subject::{Power, Subject};
use crate::suite::{Case, cover_all, run_one_of};

/// Hands the list of all cases to a macro, as `for_each_case` does.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_session_case {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            saving {
                case_01_new_session_is_not_stored
                case_02_session_comes_back
                case_03_missing_session_is_named
                case_06_update_replaces_every_field
                case_07_deleted_session_is_gone
                case_13_made_ids_are_distinct_and_well_formed
                case_25_create_and_update_are_two_things
                case_26_every_field_comes_back
                empty_fields_come_back_empty
                tags_and_children_are_sets
                case_30_deleted_session_leaves_nothing
                case_33_ids_of_any_kind
                case_40_what_is_read_is_ones_own
                case_42_closed_store_is_closed
                times_are_stamped_and_always_later
                messages_without_ids_get_them_once
                messages_are_moved_removed_and_put_back
                arguments_are_checked_before_anything_is_written
                parts_of_a_session_are_read_by_their_places
            }
            appending {
                appended_messages_stand_behind_the_others
                appended_ids_are_unique
                id_of_a_removed_message_is_free_again
                versions_are_expected
                case_37_two_writers_lose_nothing
            }
            attachments {
                case_12_attachments_come_back
                attachments_of_any_length_come_back
                changed_attachments_are_replaced
                message_past_the_limit_is_too_large
            }
            branching {
                case_14_branches_begin_with_so_many_messages
                case_15_branch_has_what_its_parent_has
                case_16_children_are_added_once
                children_and_parents_come_in_any_order
                children_and_trees_are_in_order
                no_session_is_its_own_ancestor
                branches_of_branches_have_a_limit
                parent_and_branch_do_not_see_each_other
                case_29_saved_branch_has_ids_of_its_own
                case_31_children_of_a_deleted_session_are_roots
            }
            merging {
                case_17_continuation_is_put_behind
                continuation_of_a_branch_repeats_nothing
                case_18_rebase_cuts_at_the_merge_point
                case_19_merge_into_a_branch
                case_20_what_cannot_be_merged
                case_22_messages_are_picked_in_the_order_asked
                merged_messages_are_shared_safely
                sessions_merged_again_and_again_stay_whole
            }
            listing {
                case_04_all_sessions_are_listed
                case_05_last_changed_comes_first
                rows_say_what_sessions_say
                pages_cover_all_sessions_once
                limit_of_a_page_is_a_hundred
                untouched_sessions_are_purged
            }
            searching {
                case_08_everything_is_looked_through
                case_09_case_does_not_count
                case_10_snippets
                matches_have_one_shape
                what_changed_is_found_as_it_is
                any_script_is_found
                search_ends_at_its_limit
            }
            finding {
                words_phrases_and_beginnings_are_found
                name_prompt_and_tags_are_found
                what_is_found_follows_every_change
                shared_messages_are_found_in_each_session
                users_do_not_find_each_other
                index_is_made_of_what_is_there_and_stays
                many_messages_are_found_among_many_more
                what_is_no_query_is_refused
            }
            exporting {
                case_11_exports_hold_the_session
                json_has_the_fields_of_the_format
                markdown_is_as_people_read_it
                exported_json_is_imported_again
                copies_of_a_branch_are_exported_whole
            }
            users {
                case_28_users_are_apart
                users_of_any_name
                all_sessions_of_a_user_are_deleted
                longest_names_fit_together
            }
            histories {
                random_changes_agree_with_plain_copies
            }
            races {
                case_36_readers_see_whole_sessions
                case_38_eight_writers_append_to_one_session
                one_of_many_creates_a_session
                one_of_many_updates_a_version
                branches_merges_and_deletes_at_once_agree
            }
            costs {
                append_writes_the_message_and_little_else
                saving_writes_what_changed
                branch_and_merge_copy_no_message
                reading_takes_few_records
                list_costs_its_page
            }
            reopening needs Reopen {
                sessions_are_there_after_reopening
                times_and_ids_go_on_though_a_clock_was_set_back
                texts_are_found_after_reopening
            }
            damage needs Damage {
                case_35_unreadable_session_is_reported
                unreadable_session_can_be_deleted
                unreadable_message_is_an_error_of_its_session
                unreadable_attachment_is_no_concern_of_a_search
                unreadable_place_in_the_listing_hides_nothing
            }
        }
    };
}

/// Makes one `#[test]` of every case of the session store for an engine, on its own type and on `AnyEngine`.
///
/// It takes what [`suite!`](crate::suite!) takes.
///
/// ```text
/// storage_conformance::session_suite!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! session_suite {
    ($open:expr $(, lacks: [$($power:ident),* $(,)?])? $(,)?) => {
        fn subject() -> impl $crate::Subject {
            $open
        }

        const LACKS: &[$crate::Power] = &[$($($crate::Power::$power),*)?];

        mod typed {
            use super::{LACKS, subject};
            $crate::for_each_session_case! { [$crate::session_suite_tests] }
        }

        mod erased {
            use super::LACKS;

            fn subject() -> impl $crate::Subject {
                $crate::Erased(super::subject())
            }
            $crate::for_each_session_case! { [$crate::session_suite_tests] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! session_suite_tests {
    ($($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(mod $theme {
            $(#[test]
            fn $case() {
                $crate::session_suite::run(&super::subject(), stringify!($case), super::LACKS);
            })*
        })*

        #[test]
        fn coverage() {
            $crate::session_suite::cover(&subject(), LACKS);
        }
    };
}

/// Every case, in the order of the list.
pub fn cases<S: Subject>() -> Vec<Case<S>> {
    let mut cases = Vec::new();
    crate::for_each_session_case! { [add_cases] cases S }
    cases
}

macro_rules! add_cases {
    ($cases:ident $subject:ident $($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(
            let needs: &[Power] = &[$(Power::$power)?];
            let theme: &[(&'static str, fn(&$subject) -> Result<()>)] = &[$((stringify!($case), |subject| {
                session_case::$theme::$case(subject).map_err(unexpected)
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

/// An error that a case did not ask for.
fn unexpected(error: SessionError) -> Error {
    match error {
        SessionError::Storage(error) => error,
        error => Error::new(Kind::Internal, "the session store failed").caused_by(error),
    }
}

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
    let capabilities = subject.open().expect("a fresh subject opens").capabilities();
    let crashes = [
        (
            "case_34 after a crash of the process, at Deferred",
            capabilities.deferred_survives,
            Survives::ProcessCrash,
        ),
        ("case_34 after a power cut, at Sync", capabilities.sync_survives, Survives::PowerLoss),
    ];
    for (claim, survives, needed) in crashes {
        match survives >= needed {
            true => println!("not in one process: 1 case: {claim}"),
            false => println!("not applicable: survives no more than {survives:?}: 1 case: {claim}"),
        }
    }
}
