//! The second part of the one list of cases: tables, what runs in the background, powers, damage.

/// Hands a list of cases and those here to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! with_tables_and_powers {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            tables {
                typed_records_come_back
                table_reads_alike_from_database_snapshot_and_transaction
                typed_keys_are_read_in_the_order_of_their_values
                compressed_values_come_back
                table_reads_what_another_codec_wrote
                shared_value_is_read_like_any_other
                value_of_another_type_is_corrupt_and_named
                table_may_be_opened_again_as_it_is
                illegal_table_name_is_refused
                keyspace_with_other_records_is_no_table
                counters_do_not_stand_in_tables
                typed_records_expire
                numbers_and_times_of_the_commit_fill_typed_records
                raw_record_that_is_none_of_a_table_is_told_by_its_readers
                value_that_cannot_be_encoded_leaves_nothing_in_the_next
            }
            indexes {
                index_orders_by_its_fields_then_by_key
                entries_follow_their_record
                record_may_have_many_entries_or_none
                covering_index_shows_the_newest_value
                transaction_sees_its_own_entries
                unique_value_has_one_holder
                unique_value_is_free_once_given_up
                unique_value_is_held_by_pending_records_too
                one_of_many_threads_gets_a_unique_value
                expired_holder_frees_its_unique_value
                former_holder_comes_back_without_the_value
                entries_expire_with_their_record
                sweep_removes_entries_with_their_record
                raw_writes_to_a_table_keep_its_indexes
                raw_record_that_cannot_be_indexed_is_refused
                range_delete_in_a_table_takes_the_entries
                phantom_in_an_index_conflicts
                two_puts_of_one_indexed_record_conflict
                index_of_another_table_is_invalid
                table_with_other_indexes_is_invalid
                entry_past_the_limit_is_too_large
                expiry_of_a_table_record_can_be_set_and_taken_back
                index_function_that_panics_leaves_nothing
                transaction_overtaken_by_opening_its_table_runs_again
                two_indexes_of_one_name_are_invalid
            }
            logs {
                numbered_records_are_indexed_by_what_they_became
                numbered_record_with_a_taken_unique_value_fails_at_commit
                numbered_record_takes_the_unique_value_of_an_expired_one
                panic_of_an_index_function_at_commit_fails_that_member_alone
                one_of_many_appenders_gets_a_unique_value
                numbered_record_replaces_an_indexed_one
                record_that_waits_frees_what_it_replaces_at_once
            }
            pages {
                pages_hold_every_record_once
                page_of_nothing_is_empty_and_the_last
                page_limit_of_zero_is_invalid
                pages_stay_in_their_range
                next_page_shows_what_is_there_when_it_is_asked_for
                pages_follow_every_kind_of_index
                cursor_of_another_listing_is_invalid
                damaged_cursor_is_invalid
                page_of_a_transaction_shows_its_own_writes
                page_reports_records_that_cannot_be_read
                page_may_end_with_a_record_that_cannot_be_read
                first_page_costs_the_same_in_a_small_and_a_large_table
                page_of_a_covering_index_reads_no_record
            }
            awaiting {
                record_that_waits_leaves_no_entry_of_a_put_before_it
                range_delete_behind_a_record_that_waits_takes_the_old_entries
                record_that_waits_is_in_no_index_of_its_transaction
                unique_value_of_a_member_that_failed_is_free_to_those_behind_it
            }
            definitions {
                empty_table_that_is_open_keeps_its_definition
                keyspace_with_expired_records_is_no_table
                raw_put_in_line_behind_the_opening_of_its_table_is_indexed
                raw_put_in_line_before_the_opening_of_its_table_is_found_by_it
                puts_into_a_table_without_indexes_never_conflict
                opening_a_table_again_disturbs_nobody
            }
            background {
                commit_during_a_sync_by_hand_is_synced_in_the_background
                commits_after_a_sync_by_hand_are_synced_in_the_background
                panic_in_a_background_sweep_ends_neither_sweeps_nor_syncs
                damaged_expiry_entries_keep_neither_opening_nor_sweeps
                record_with_a_damaged_stamp_keeps_no_other_from_the_sweep
                two_sweeps_at_once_tell_each_expiry_once
                longest_intervals_are_never_due
                longest_waits_end_with_what_they_wait_for
            }
            moments {
                no_reader_sees_a_lease_ended_and_misses_what_its_holder_did
                lone_get_finds_a_record_that_is_prolonged_while_it_is_read
                refusal_by_a_holder_that_has_expired_since_does_not_stand
                commit_that_asks_for_no_time_tells_none
                clock_that_panics_in_a_commit_stops_the_database
                clock_that_panics_in_a_group_leaves_nobody_waiting
                clock_that_panics_in_a_read_leaves_the_database_usable
                wait_for_a_moment_ends_at_the_deadline
            }
            refusals {
                limits_raised_in_their_fields_are_those_of_the_largest
                typed_value_past_the_limit_is_refused_however_well_it_compresses
                cursor_with_any_character_changed_is_invalid
                cursor_behind_the_range_that_is_asked_for_leaves_nothing
            }
            read_only {
                read_only_database_reads_everything
                read_only_database_refuses_every_write
                read_only_database_is_neither_synced_nor_swept
            }
            endings {
                drop_of_the_last_handle_ends_watches
                waiting_watch_is_woken_when_the_database_stops
                range_held_over_a_close_reaches_the_engine_no_more
                watch_that_lagged_is_told_so_before_its_end
            }
            discards {
                damaged_record_of_an_indexed_table_is_discarded
                discard_and_put_in_one_transaction_replace_a_damaged_record
                discard_deletes_a_readable_record_as_delete_does
                entries_of_keys_that_end_alike_are_told_apart
                discarded_record_leaves_a_unique_value_that_another_has_taken
                discard_conflicts_with_who_writes_the_record_meanwhile
                damaged_entry_goes_with_its_record
                damaged_records_are_listed_with_their_reasons
                sweeps_pass_damaged_records_of_an_indexed_table
                damaged_stamp_is_not_believed_about_its_end
            }
            seeks {
                seek_goes_to_the_first_at_or_after_the_key
                range_goes_on_from_where_it_was_sent
                seek_never_leaves_the_range
                seek_sees_the_writes_of_its_transaction
                parts_before_and_behind_a_seek_are_read_and_what_it_skips_is_not
                end_reached_behind_a_seek_is_read_and_a_seek_alone_is_not
                typed_ranges_seek_by_tuples
                seek_opens_one_range_and_reads_no_further
                keys_under_pending_writes_are_read_without_values
                every_range_has_its_mirror_under_pending_writes
            }
            bulk {
                bulk_load_puts_every_record
                bulk_load_of_any_order_puts_the_same
                sorted_bulk_load_reads_nothing_and_syncs_once
                commits_of_a_bulk_load_are_bounded_and_deferred
                last_of_records_with_one_key_wins
                bulk_load_of_a_failing_input_keeps_what_was_committed
                bulk_load_of_nothing_commits_nothing
                record_that_no_put_takes_ends_a_bulk_load
                close_in_the_middle_ends_a_bulk_load
                refused_commit_ends_a_bulk_load_where_it_was
                bulk_load_keeps_the_indexes
                unique_violation_ends_a_bulk_load_before_its_commit
                indexed_bulk_load_past_the_transaction_limit_goes_in_parts
                bulk_load_beside_and_over_counters
                bulk_load_keeps_what_is_beside_values
                bulk_load_conflicts_with_those_who_read
                bulk_load_where_none_may_write_is_invalid
            }
            namespaces {
                namespaces_hold_nothing_of_each_other
                delete_all_stays_in_its_namespace
                keys_go_in_and_come_out_as_they_are
                ranges_of_a_namespace_are_cut_out_and_seek_in_it
                namespaces_conflict_and_are_watched_by_themselves
                limits_of_keys_count_the_namespace
            }
            merging {
                largest_value_is_kept
                maxima_of_many_threads_do_not_conflict
                maximum_that_is_overtaken_does_not_conflict
                maximum_conflicts_with_those_who_read
                maxima_and_additions_take_effect_in_their_order
                maximum_after_other_writes_goes_by_them
                maximum_of_another_record_is_invalid
                only_the_last_sum_has_to_fit_64_bits
                sequence_goes_on_behind_a_maximum
            }
            touching {
                touch_moves_the_expiry_and_keeps_the_rest
                touch_of_what_is_not_there_changes_nothing
                touch_keeps_how_a_value_is_stored
                touch_is_a_read_of_the_record
                touch_is_a_write_of_the_record
                touch_whose_record_expires_before_the_commit_finds_none
                sweep_goes_by_the_expiry_that_was_touched
                touched_record_keeps_its_entries_over_a_sweep
                index_entries_expire_with_the_touched_record
                touched_counter_ends_and_counts_anew
                touch_sees_what_its_transaction_wrote
                touch_of_a_record_that_waits_is_invalid
                touch_with_a_time_that_has_passed_ends_the_record
                touch_is_refused_what_a_put_is
            }
            dropping {
                prefix_is_deleted_and_nothing_beside_it
                dropped_keyspace_is_empty_and_others_are_not
                dropped_table_is_empty_and_goes_on
                derived_keyspace_is_never_dropped_alone
                drop_of_everything_leaves_nothing
                drop_is_a_write_to_everyone_who_read_there
                drop_is_told_as_one_deleted_range
                drop_of_everything_is_told_where_there_was_something
                drop_is_one_commit_and_reads_no_record
                drop_is_not_limited_by_the_size_of_transactions
                sweep_after_a_drop_leaves_what_was_put_since
                drop_is_refused_where_a_write_is
            }
            history {
                one_history_is_answered_as_on_file
            }
            reopen needs Reopen {
                records_survive_reopening
                deletes_survive_reopening
                order_survives_reopening
                overwrites_survive_reopening_many_times
                large_values_survive_reopening
                deferred_commits_survive_a_clean_close
                records_survive_a_drop_without_close
                unfinished_transaction_leaves_nothing_behind
                counters_and_sequences_go_on_after_reopening
                records_expire_while_closed
                tables_and_indexes_survive_reopening
                table_is_not_written_without_its_definition
                keyspaces_are_listed_after_reopening
                sweep_leaves_records_of_a_table_that_is_not_open
                refused_definition_changes_nothing
                emptied_table_takes_another_definition
                many_keyspaces_survive_reopening
            }
            rebuilding needs Reopen {
                new_indexes_are_built_from_the_records
                changed_index_is_built_anew_and_others_go
                index_that_stays_is_not_touched
                unique_index_over_equal_values_is_refused
                build_that_ended_early_is_begun_anew
                expired_records_get_no_entries
                older_view_does_not_show_indexes_that_were_built_since
                unreadable_records_get_no_entries_and_are_listed
                older_schemas_are_indexed_as_what_they_become
            }
            copying {
                copy_in_another_engine_reads_alike
                copy_of_another_engine_reads_alike
                copy_shows_one_moment
                copy_into_a_store_that_holds_something_is_refused
                copy_that_ended_early_is_no_database
                copy_that_does_not_read_back_the_same_is_corrupt
            }
            schemas {
                table_without_a_codec_has_the_engines
                older_records_are_read_as_what_they_become
                record_that_is_put_again_has_the_newest_schema
                record_without_an_upcast_is_named_and_others_stay_readable
                raw_puts_are_read_as_the_newest_schema
                upcasts_that_contradict_one_another_are_refused
            }
            dropped needs Reopen {
                dropped_records_do_not_come_back_after_reopening
                table_that_is_not_open_is_dropped_with_its_entries
                drop_of_everything_forgets_tables_that_are_not_open
                sweep_forgets_the_dropped_records_of_a_table_that_is_not_open
            }
            damage needs Damage {
                damage_to_an_absent_record_is_told
                damaged_record_is_named_and_others_stay_readable
                range_goes_on_behind_a_damaged_record
                page_reports_a_damaged_record
                index_names_the_damaged_record
                transaction_that_reads_a_damaged_record_leaves_nothing
                damaged_record_can_be_replaced_and_deleted
                damaged_counter_is_corrupt
                sweep_passes_damaged_records
            }
            checksums needs Checksums {
                damaged_record_is_not_copied
                every_flipped_bit_is_found
                every_kind_of_read_is_verified
                other_records_stay_readable_beside_a_flipped_bit
                appended_and_missing_bytes_are_found
                value_of_another_record_is_found
            }
            sharing needs Shared {
                commit_of_another_handle_is_seen_at_once
                handles_keep_each_others_writes
                reader_that_another_handle_overtook_runs_again
                no_update_of_either_handle_is_lost
                handles_draw_from_one_sequence_without_gaps
                watch_lags_where_another_handle_committed
                versions_grow_over_commits_of_another_handle
                transaction_that_loses_to_another_handle_shuts_it_out
                table_of_another_handle_is_not_written_past_its_definition
                table_that_another_handle_opened_otherwise_is_not_written
                engine_refuses_the_first_commit_after_another_handles
                handle_reads_on_after_another_was_closed
            }
            tampering needs Checksums {
                changed_counter_is_corrupt_to_whoever_adds_to_it
                touch_of_a_changed_record_is_corrupt
            }
        }
    };
}
