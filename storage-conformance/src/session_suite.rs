//! The one list of cases of the session store, run on every engine as the cases of the engines are.
//!
//! Those with a number are the requirements of that number.

use crate::suite::functions_of;

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
                maps_of_any_numbers_and_depth_come_back
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
                what_nobody_shares_goes_with_its_session
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
                index_is_kept_by_handles_that_were_there_before
                index_cut_short_is_finished_later
                index_made_while_others_write_misses_nothing
                write_does_not_fail_for_the_order_of_the_index
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
                index_of_branches_merges_and_deletes_at_once_agrees
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
    ($($subject:tt)*) => {
        $crate::tests_of! { session_suite for_each_session_case $($subject)* }
    };
}

functions_of! { for_each_session_case, session_case, Some("case_34") }
