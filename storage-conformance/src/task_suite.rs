//! The one list of cases of the task stores, run on every engine as the cases of the engines are.
//!
//! Those with a number are the requirements of that number; a number is missing where the requirement went.

use crate::suite::functions_of;

/// Hands the list of all cases to a macro, as `for_each_case` does.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_task_case {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            blocks {
                case_01_last_block_of_nothing_is_not_found
                case_02_last_block_follows_what_is_saved
                case_03_chains_and_services_are_independent
                case_05_blocks_are_ordered_by_number
                case_06_last_block_is_the_highest
                case_06_deleting_the_last_block_falls_back
                case_08_absent_block_is_not_found
                case_09_reorganisation_replaces_the_end
                last_processed_block_is_whatever_was_set
                truncating_removes_exactly_what_is_above
                pruning_removes_exactly_what_is_below
                block_is_saved_with_its_tasks_or_not_at_all
                rewinding_removes_blocks_and_their_tasks
            }
            saving {
                case_11_task_comes_back_whole
                case_12_pending_tasks_are_listed
                case_13_addresses_differ_by_more_than_case
                case_14_task_leaves_the_pending_lists
                case_15_unknown_task_is_not_found
                case_16_full_transition_matrix
                case_17_unknown_status_is_invalid
                case_18_saving_again_is_already_exists
                case_19_empty_ids_are_invalid
                case_21_times_are_kept_and_advanced
                case_22_what_is_returned_or_saved_is_not_the_stored
                case_23_half_of_a_thousand_stay_pending
                case_24_calls_after_close_are_closed
                case_26_two_stores_are_independent
                ids_are_opaque
            }
            listing {
                pending_tasks_are_in_the_order_of_creation
                delayed_tasks_keep_their_place_in_the_list
                pages_cover_a_listing_once
                cursors_belong_to_their_listing
                page_limit_of_zero_is_invalid
                counts_agree_with_the_lists
            }
            races {
                case_27_writers_and_readers_of_blocks
                case_28_writers_and_readers_of_tasks
                case_29_one_of_fifty_begins_a_task
                case_30_complete_and_fail_have_one_winner
                case_32_lists_show_only_what_is_pending
                case_33_indexes_equal_the_records
                one_of_many_saves_an_id
                claims_of_many_workers_are_distinct
            }
            executor {
                case_34_performer_lives_and_goes
                case_35_five_performers
                case_37_writers_and_readers_of_performers
                case_38_processed_tasks_are_marked
                case_39_exactly_one_claims_a_task
                case_40_configurations_come_back
                case_41_deployment_goes_its_way
                case_41_full_deployment_matrix
                tasks_in_flight_come_and_go
                ids_inside_follow_the_key
                markers_last_as_long_as_they_are_told
                markers_that_last_no_time_are_refused
            }
            claims {
                claim_takes_what_was_ready_first
                claim_keeps_to_its_service
                claim_of_a_task_that_was_saved_anew_is_stale
                lease_of_no_time_is_refused
                lease_that_ran_out_is_claimed_again
                heartbeat_keeps_a_claim
                late_worker_changes_nothing
                claim_of_one_task_is_guarded
                zero_leases_are_invalid
                task_past_its_deadline_is_not_given_out
                many_tasks_past_their_deadline_are_passed
                task_past_its_deadline_is_not_begun_without_a_claim
                retry_waits_before_the_next_attempt
                attempts_end_in_a_dead_letter
                abandoned_last_attempt_ends_in_a_dead_letter
                dead_letter_is_requeued_once
                completed_task_can_be_removed_at_once
            }
            recovery {
                case_42_recovery_finds_what_is_to_be_done
                recovery_keeps_to_its_service
                recovery_looks_at_one_moment
                ended_tasks_are_purged
                many_ended_tasks_are_purged_in_parts
            }
            reopening needs Reopen {
                case_25_everything_is_there_after_reopening
                case_33_indexes_equal_the_records_after_reopening
                case_38_markers_survive_reopening
            }
            damage needs Damage {
                case_43_unreadable_task_is_reported
                case_43_unreadable_performer_is_reported
                unreadable_task_blocks_no_claim
                unreadable_task_is_removed_and_saved_anew
            }
        }
    };
}

/// Makes one `#[test]` of every case of the task stores for an engine, on its own type and on `AnyEngine`.
///
/// It takes what [`suite!`](crate::suite!) takes.
///
/// ```text
/// storage_conformance::task_suite!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! task_suite {
    ($($subject:tt)*) => {
        $crate::tests_of! { task_suite for_each_task_case $($subject)* }
    };
}

functions_of! { for_each_task_case, task_case, Some("case_25") }
