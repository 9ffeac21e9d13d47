//! The one list of cases of the message store, run on every engine as the cases of the engines are.
//!
//! Those with a number are the requirements of that number; a number is missing where the requirement went.

use crate::suite::functions_of;

/// Hands the list of all cases to a macro, as `for_each_case` does.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_message_case {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            names {
                case_01_category_of_a_name
                case_02_category_keeps_its_types
                case_03_id_of_a_name
                case_04_cardinal_id_of_a_name
                case_05_what_is_a_category
                case_06_entity_and_types
                case_07_names_of_any_script
            }
            writing {
                case_08_positions_and_global_positions
                case_09_positions_count_up
                case_10_no_stream_is_expected_once
                case_11_version_of_an_absent_stream_is_no_version
                case_12_expected_version_is_the_last_position
                case_13_expected_version_of_a_longer_stream
                case_14_other_expected_versions_are_conflicts
                case_15_conflicts_burn_no_global_position
                case_16_ids_in_any_spelling
                case_17_made_ids_are_unique
                made_ids_come_from_where_the_store_is_told
                case_18_malformed_ids_are_refused
                case_19_repeated_write_is_the_same_message
                case_19_strict_mode_refuses_a_repeated_id
                case_20_id_of_another_stream_is_taken
                case_20_id_with_other_content_is_taken
                case_20_ids_of_namespaces_are_their_own
                case_23_bare_name_is_a_stream
            }
            content {
                case_24_metadata_comes_back
                case_25_empty_and_absent_are_two_things
                case_26_data_comes_back_whole
                case_27_numbers_and_keys_come_back_as_text
                case_28_nul_in_a_string_is_kept
                case_29_large_messages_up_to_the_limit
                largest_message_is_kept
                case_30_times_are_fine_and_never_decrease
                case_30_time_is_the_clocks
                case_31_names_that_streams_can_have
                case_32_types_that_messages_can_have
                case_33_unknown_namespaces_are_not_found
            }
            batches {
                case_34_batch_stands_in_its_order
                case_35_batch_expects_a_version
                case_36_batch_is_all_or_nothing
                case_37_empty_batch_only_looks
                write_to_several_streams_keeps_the_order_given
                check_alone_refuses_the_whole_write
                repeated_batch_is_the_same_batch
            }
            streams {
                case_38_absent_stream_is_empty
                case_39_every_field_comes_back
                case_40_position_and_batch
                case_41_negative_position_is_the_beginning
                case_42_batches_of_any_size
                case_43_default_batch_is_a_thousand
                case_44_batches_of_no_size_are_invalid
                case_45_stream_from_a_global_position
                case_46_bare_name_is_read_as_a_stream
                case_48_readers_see_a_gapless_beginning
                stream_is_read_backwards
                next_position_is_where_a_reader_goes_on
                stream_has_no_members_and_no_correlation
            }
            categories {
                case_49_category_is_read_in_global_order
                case_50_categories_are_apart
                case_51_batches_of_a_category
                case_52_category_from_a_position
                case_53_absent_category_is_empty
                case_54_category_is_the_whole_word
                case_55_bare_stream_is_in_its_category
                case_56_stream_name_is_no_category
                case_57_all_reads_everything
                case_58_pages_cover_a_category_once
                case_59_messages_name_their_streams
                category_and_everything_are_read_backwards
                names_that_begin_alike_are_apart
            }
            groups {
                case_61_correlation_is_a_category
                case_62_correlation_with_a_dash_is_refused
                case_64_batch_is_filled_behind_the_filter
                sparse_matches_fill_a_page
                case_66_vectors_of_message_db
                case_66_members_of_a_group_of_four
                case_67_batch_of_a_member_fills_up
                case_68_members_divide_a_category
                case_69_cardinal_id_decides
                case_71_groups_that_are_none
                case_72_large_groups
                case_73_conditions_hold_together
            }
            types {
                reads_ask_for_types
                types_hold_together_with_other_conditions
                rare_types_fill_a_page
            }
            summaries {
                messages_are_counted_by_each_grouping
                percentages_are_of_the_whole_namespace
                deleted_messages_are_not_counted
            }
            last {
                case_76_last_of_a_stream
                case_77_last_of_a_type
                case_78_last_and_last_of_a_type_differ
                case_79_version_is_the_last_position
                streams_of_many_types
                many_types_of_the_longest_names
            }
            times {
                since_is_inclusive_and_until_exclusive
                times_and_positions_hold_together
                many_messages_are_read_by_time
                pages_without_a_message_in_time_say_where_to_go_on
            }
            namespaces {
                case_81_namespaces_are_apart
                case_82_namespaces_come_and_go
                namespaces_of_any_name
                case_84_counts_of_a_namespace
                case_101_cleared_namespace_begins_anew
            }
            listing {
                case_85_streams_by_name
                case_86_streams_of_a_prefix_page_by_page
                case_88_limits_of_a_listing
                case_89_categories_with_their_counts
            }
            deletion {
                deleted_stream_is_found_nowhere
                last_stream_of_a_category_takes_it_along
                truncated_stream_keeps_its_version
                types_of_deleted_messages_are_forgotten
                deleting_and_writing_at_once_agree
            }
            retention {
                newest_messages_of_a_stream_are_kept
                young_messages_of_a_stream_are_kept
                streams_of_a_category_are_retained_each
                long_streams_are_retained_in_parts
            }
            transfer {
                case_91_positions_and_times_are_kept
                case_92_gaps_stay
                case_93_taken_global_position_refuses_all
                case_94_writes_go_on_behind_an_import
                case_95_progress_of_many_lines
                case_96_what_is_taken_in_the_batch_itself
                case_99_bad_lines_are_named
                earlier_thousands_stay_where_a_line_is_bad
                case_100_export_and_import_agree
                exported_lines_are_those_of_eventodb
                dry_run_finds_what_is_wrong_and_writes_nothing
                existing_messages_are_skipped_only_if_they_are_the_same
                renumbered_messages_go_behind_the_others
                types_of_imported_messages_are_found
                imported_times_are_read_in_any_order
                imports_and_writes_at_once_agree
                times_of_a_stream_may_not_follow_its_positions
                imported_null_is_none
                positions_end_without_harm
                last_activity_is_that_of_the_last_message_there
            }
            consumers {
                positions_are_stored_and_forgotten
                workers_share_the_places_of_a_group
                lease_that_ran_out_is_lost_once_taken
                worker_comes_back_to_its_place
                places_read_what_their_members_get
                group_changes_its_size_while_nobody_is_in_it
                arguments_of_leases_are_checked
                one_of_many_gets_each_place
            }
            histories {
                random_histories_agree_with_a_plain_list
            }
            races {
                case_102_writers_of_a_hundred_streams
                case_103_one_of_ten_gets_the_expected_version
                case_104_ten_writers_of_one_stream
                case_105_fifty_writers_of_ten_streams
                case_106_readers_of_versions_then_write
                case_107_writers_of_two_namespaces
                case_108_reader_with_a_checkpoint_misses_nothing
                deletions_imports_and_writes_at_once_are_read_once
                one_of_many_repeats_writes
            }
            subscriptions {
                case_111_stream_is_followed
                case_112_category_and_everything_are_followed
                case_113_subscription_begins_at_a_position
                case_114_members_divide_what_comes
                case_75_members_of_reads_and_subscriptions_are_the_same
                case_115_subscriptions_have_no_end
                case_116_nothing_is_lost_between_what_is_there_and_what_comes
                case_117_slow_subscriber_sees_the_newest_in_the_end
                subscription_is_resumed_from_its_position
                subscription_ends_with_its_namespace_and_its_store
                stream_begun_again_is_followed_from_where_one_is
            }
            costs {
                case_60_sparse_category_costs_what_it_returns
                case_80_last_of_a_rare_type_in_a_long_stream
                append_writes_few_small_records
                stream_page_is_one_range
                category_page_walks_along_its_streams
                filters_read_no_messages_that_they_drop
            }
            reopening needs Reopen {
                case_109_what_was_acknowledged_is_there
                case_110_counters_versions_and_ids_go_on
                case_30_times_never_decrease_though_a_clock_was_set_back
            }
            damage needs Damage {
                unreadable_message_is_reported_and_others_are_read
                unreadable_last_message_and_head_are_errors
                unreadable_entries_are_reported
                unreadable_message_amid_its_stream_is_reported
                unreadable_messages_are_not_counted
                unreadable_messages_can_be_deleted
                unreadable_message_is_told_once_by_a_subscription
            }
        }
    };
}

/// Makes one `#[test]` of every case of the message store for an engine, on its own type and on `AnyEngine`.
///
/// It takes what [`suite!`](crate::suite!) takes.
///
/// ```text
/// storage_conformance::message_suite!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! message_suite {
    ($($subject:tt)*) => {
        $crate::tests_of! { message_suite for_each_message_case $($subject)* }
    };
}

functions_of! { for_each_message_case, message_case, Some("case_109") }
