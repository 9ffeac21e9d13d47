//! The one list of cases of the async face, run on every engine as the cases of the engines are.

use crate::suite::functions_of;

/// Hands the list of all cases to a macro, as `for_each_case` does.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_async_case {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            calls {
                single_calls_do_what_the_blocking_ones_do
                drops_and_touches_do_what_the_blocking_ones_do
                transaction_returns_its_outcome
                conflict_runs_the_body_again
                durability_and_deadline_are_handed_on
                errors_are_those_of_the_blocking_calls
                body_can_have_an_error_type_of_its_own
                read_shows_one_moment
                tables_are_used_inside_closures
                call_hops_once_or_not_at_all
                closed_database_refuses_calls
            }
            tasks {
                thousand_tasks_lose_no_update
                tasks_of_one_thread_all_commit
                tasks_that_wait_are_committed_together
                calls_wait_for_one_that_runs_alone
                task_of_many_calls_lets_others_run
                panic_of_a_body_reaches_its_task
                calls_can_be_spawned
            }
            dropping {
                future_dropped_at_any_poll_leaves_nothing_half_done
                future_dropped_before_its_thread_came_never_runs
                future_dropped_between_runs_ends_the_transaction
                future_dropped_in_line_commits_whole
                future_dropped_in_the_lane_frees_it
                dropped_read_gives_back_its_snapshot
                timeout_gives_up_a_transaction
            }
            watches {
                event_wakes_the_task_that_waits
                watch_that_changes_tasks_wakes_the_new_one
                waiting_tasks_hold_no_thread
                dropped_wait_loses_no_event
                race_with_other_futures_loses_no_event
                timeout_loses_no_event
                end_of_the_database_wakes_every_task
                slow_task_is_told_that_it_lags
                waker_that_panics_fails_no_commit
            }
            runtimes {
                call_outside_a_runtime_is_refused
                runtime_that_has_ended_refuses_calls
                runtime_that_ends_runs_a_waiting_call_whole_or_not_at_all
                runtime_that_ends_lets_a_commit_finish
                runtime_without_threads_refuses_calls
            }
        }
    };
}

/// Makes one `#[test]` of every case of the async face for an engine, on its own type and on `AnyEngine`.
///
/// It takes what [`suite!`](crate::suite!) takes.
///
/// ```text
/// storage_conformance::async_suite!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! async_suite {
    ($($subject:tt)*) => {
        $crate::tests_of! { async_suite for_each_async_case $($subject)* }
    };
}

functions_of! { for_each_async_case, async_case, None }
