//! The executor's side: performers, markers, tasks in flight, deployments; and configurations.

use std::time::Duration;

use storage_stores::tasks::{
    Artifact, AvsConfig, Consensus, Deployment, DeploymentMode, DeploymentStatus, Entity,
    EnvironmentVariable, ExecutorStore, InflightTask, OperatorSetConfig, Paging, PerformerState, Result,
    TaskError,
};

use super::{AVS, OTHER_AVS, assert_refused, executor, if_found, open, race, seconds};
use crate::case;
use crate::subject::Subject;

use DeploymentStatus::{Deploying, Failed, Pending, Running};

/// A performer with something in every field.
fn performer(id: &str, status: &str) -> PerformerState {
    PerformerState {
        performer_id: id.into(),
        avs_address: AVS.into(),
        resource_id: format!("container-{id}"),
        status: status.into(),
        artifact: Artifact { registry: "registry".into(), digest: "sha256:01".into(), tag: "v1".into() },
        deployment_mode: DeploymentMode::Kubernetes,
        created_at: seconds(1),
        last_health_check: seconds(2),
        container_healthy: true,
        application_healthy: true,
        network_name: "net".into(),
        container_endpoint: "localhost:8080".into(),
        container_hostname: "host".into(),
        environment: vec![EnvironmentVariable {
            name: "KEY".into(),
            value: "value".into(),
            value_from_env: "OUTER".into(),
        }],
    }
}

fn performer_ids<E: storage_core::Engine>(executor: &ExecutorStore<E>) -> Result<Vec<String>> {
    let listing = executor.list_performers(&Paging::all())?;
    assert!(listing.unreadable.is_empty(), "{:?}", listing.unreadable);
    Ok(listing.items.iter().map(|state| state.performer_id.clone()).collect())
}

pub(crate) fn case_34_performer_lives_and_goes<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    assert_refused!(executor.get_performer("p"), TaskError::NotFound { what: Entity::Performer, .. });
    executor.save_performer("p", performer("p", "running"))?;
    assert_eq!(*executor.get_performer("p")?, performer("p", "running"));
    assert_eq!(performer_ids(&executor)?, ["p"]);
    let stopped = PerformerState { container_healthy: false, ..performer("p", "stopped") };
    executor.save_performer("p", stopped.clone())?;
    assert_eq!(*executor.get_performer("p")?, stopped);
    assert_eq!(performer_ids(&executor)?, ["p"]);
    executor.delete_performer("p")?;
    assert_refused!(executor.get_performer("p"), TaskError::NotFound { .. });
    assert_refused!(executor.delete_performer("p"), TaskError::NotFound { what: Entity::Performer, .. });
    assert!(performer_ids(&executor)?.is_empty());
    Ok(())
}

pub(crate) fn case_35_five_performers<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    let all: Vec<_> = (0..5).map(|number| format!("performer-{number}")).collect();
    for id in all.iter().rev() {
        executor.save_performer(id, performer(id, "running"))?;
    }
    assert_eq!(performer_ids(&executor)?, all, "they are listed by id");
    let changed = PerformerState { resource_id: "another".into(), ..performer(&all[0], "failed") };
    executor.save_performer(&all[0], changed.clone())?;
    assert_eq!(*executor.get_performer(&all[0])?, changed);
    assert_eq!(*executor.get_performer(&all[1])?, performer(&all[1], "running"));
    executor.delete_performer(&all[0])?;
    assert_eq!(performer_ids(&executor)?, all[1..]);
    Ok(())
}

pub(crate) fn case_37_writers_and_readers_of_performers<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    let id = |thread: usize| format!("performer-{}", thread % 5);
    let results = race(10, |thread| -> Result<()> {
        let id = id(thread);
        for round in 0..10 {
            if thread < 5 {
                executor.save_performer(&id, performer(&id, &format!("status-{round}")))?;
            } else {
                let found = if_found(executor.get_performer(&id))?;
                assert!(
                    found.is_none_or(|state| state.performer_id == id && state.status.starts_with("status-"))
                );
                assert!(performer_ids(&executor)?.len() <= 5);
            }
        }
        Ok(())
    })?;
    results.into_iter().collect::<Result<()>>()?;
    for thread in 0..5 {
        assert_eq!(executor.get_performer(&id(thread))?.status, "status-9");
    }
    Ok(())
}

pub(crate) fn case_38_processed_tasks_are_marked<S: Subject>(subject: &S) -> Result<()> {
    let (executor, clock) = executor(subject)?;
    assert!(!executor.is_task_processed("t")?);
    executor.mark_task_processed("t")?;
    assert!(executor.is_task_processed("t")?);
    let marker = executor.get_processed_task("t")?.expect("it was marked");
    assert_eq!((marker.task_id.as_str(), marker.processed_at), ("t", case::at(0)));
    clock.advance(Duration::from_secs(1));
    executor.mark_task_processed("t")?;
    assert_eq!(executor.get_processed_task("t")?, Some(marker), "the first mark counts");
    assert_refused!(executor.mark_task_processed(""), TaskError::InvalidArgument(text) if text == "task ID cannot be empty");
    assert!(!executor.is_task_processed("u")? && !executor.is_task_processed("t\0")?);
    race(10, |_| executor.mark_task_processed("u"))?.into_iter().collect::<Result<()>>()?;
    assert!(executor.is_task_processed("u")?);
    Ok(())
}

pub(crate) fn case_39_exactly_one_claims_a_task<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    for round in 0..10 {
        let id = format!("t-{round}");
        let claims = race(10, |_| executor.claim(&id))?.into_iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1);
        assert!(executor.is_task_processed(&id)?);
    }
    executor.mark_task_processed("marked")?;
    assert!(!executor.claim("marked")?);
    Ok(())
}

pub(crate) fn case_40_configurations_come_back<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let config = |number: u8| OperatorSetConfig {
        task_sla: -i64::from(number),
        curve_type: "bn254".into(),
        task_metadata: vec![number, 0, 0xff],
        consensus: Consensus::StakeProportionThreshold(6_700),
    };
    assert_refused!(
        tasks.get_operator_set_config(AVS, 1),
        TaskError::NotFound { what: Entity::OperatorSetConfig, .. }
    );
    assert_refused!(tasks.get_avs_config(AVS), TaskError::NotFound { what: Entity::AvsConfig, .. });
    let keys =
        [(AVS, 1), (AVS, 11), (AVS, 0), (AVS, u32::MAX), (OTHER_AVS, 1), ("0xavs1231", 1), ("0xavs12", 31)];
    for (number, (avs, set)) in keys.into_iter().enumerate() {
        tasks.save_operator_set_config(avs, set, config(number as u8))?;
    }
    for (number, (avs, set)) in keys.into_iter().enumerate() {
        assert_eq!(*tasks.get_operator_set_config(avs, set)?, config(number as u8));
    }
    let plain = OperatorSetConfig { consensus: Consensus::None, ..config(9) };
    tasks.save_operator_set_config(AVS, 1, plain.clone())?;
    assert_eq!(*tasks.get_operator_set_config(AVS, 1)?, plain);
    assert_refused!(tasks.get_operator_set_config(AVS, 2), TaskError::NotFound { .. });

    for sets in [vec![3, 2, 1], vec![]] {
        let config = AvsConfig {
            aggregator_operator_set_id: 7,
            executor_operator_set_ids: sets,
            curve_type: "bls381".into(),
        };
        tasks.save_avs_config(AVS, config.clone())?;
        assert_eq!(*tasks.get_avs_config(AVS)?, config);
    }
    assert_refused!(tasks.get_avs_config("0xavs12"), TaskError::NotFound { .. });
    Ok(())
}

fn deployment(id: &str) -> Deployment {
    Deployment {
        deployment_id: id.into(),
        avs_address: AVS.into(),
        artifact_registry: "registry".into(),
        artifact_digest: "sha256:01".into(),
        started_at: seconds(1),
        ..Deployment::default()
    }
}

pub(crate) fn case_41_deployment_goes_its_way<S: Subject>(subject: &S) -> Result<()> {
    let (executor, clock) = executor(subject)?;
    assert_refused!(executor.get_deployment("d"), TaskError::NotFound { what: Entity::Deployment, .. });
    let unknown = executor.update_deployment_status("d", Deploying);
    assert_refused!(unknown, TaskError::NotFound { what: Entity::Deployment, .. });
    executor.save_deployment("d", deployment("d"))?;
    assert_eq!(*executor.get_deployment("d")?, deployment("d"));
    clock.set(seconds(10));
    assert_eq!(executor.update_deployment_status("d", Deploying)?.completed_at, None);
    clock.set(seconds(20));
    executor.update_deployment_status("d", Running)?;
    let running = executor.get_deployment("d")?;
    assert_eq!(
        (running.status, running.completed_at, running.started_at),
        (Running, Some(seconds(20)), seconds(1))
    );
    clock.set(seconds(30));
    executor.fail_deployment("d", "out of memory")?;
    let failed = executor.get_deployment("d")?;
    assert_eq!((failed.status, failed.completed_at), (Failed, Some(seconds(30))));
    assert_eq!(failed.error.as_deref(), Some("out of memory"));
    assert_eq!(executor.list_deployments(&Paging::all())?.items, [failed]);
    Ok(())
}

pub(crate) fn case_41_full_deployment_matrix<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    let legal = [
        (Pending, Deploying),
        (Pending, Failed),
        (Deploying, Running),
        (Deploying, Failed),
        (Running, Failed),
    ];
    for from in DeploymentStatus::ALL {
        for to in DeploymentStatus::ALL {
            let before = Deployment { status: from, ..deployment("d") };
            executor.save_deployment("d", before.clone())?;
            match executor.update_deployment_status("d", to) {
                Ok(changed) => {
                    assert!(legal.contains(&(from, to)), "{from} went to {to}");
                    assert_eq!(changed.status, to);
                }
                Err(TaskError::InvalidDeploymentTransition { from: stored, to: asked, .. }) => {
                    assert!(!legal.contains(&(from, to)), "{from} did not go to {to}");
                    assert_eq!((stored, asked), (from, to));
                    assert_eq!(*executor.get_deployment("d")?, before);
                }
                Err(other) => return Err(other),
            }
        }
    }
    Ok(())
}

pub(crate) fn tasks_in_flight_come_and_go<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    let inflight = |id: &str| InflightTask {
        task_id: id.into(),
        avs_address: AVS.into(),
        operator_address: "0xoperator".into(),
        aggregator_address: "0xaggregator".into(),
        received_at: seconds(1),
        status: "running".into(),
        operator_set_id: 3,
    };
    assert_refused!(executor.get_inflight_task("t"), TaskError::NotFound { what: Entity::InflightTask, .. });
    for id in ["u", "t"] {
        executor.save_inflight_task(id, inflight(id))?;
        assert_eq!(*executor.get_inflight_task(id)?, inflight(id));
    }
    let listing = executor.list_inflight_tasks(&Paging::all())?;
    let ids: Vec<_> = listing.items.iter().map(|task| task.task_id.as_str()).collect();
    assert_eq!(ids, ["t", "u"]);
    executor.delete_inflight_task("t")?;
    assert_refused!(
        executor.delete_inflight_task("t"),
        TaskError::NotFound { what: Entity::InflightTask, .. }
    );
    assert_eq!(executor.list_inflight_tasks(&Paging::all())?.items.len(), 1);
    assert!(!executor.is_task_processed("u")?, "being in flight is not being processed");
    Ok(())
}

pub(crate) fn ids_inside_follow_the_key<S: Subject>(subject: &S) -> Result<()> {
    let (executor, _) = executor(subject)?;
    executor.save_performer("p", performer("another", "running"))?;
    assert_eq!(executor.get_performer("p")?.performer_id, "p");
    executor
        .save_inflight_task("t", InflightTask { task_id: "another".into(), ..InflightTask::default() })?;
    assert_eq!(executor.get_inflight_task("t")?.task_id, "t");
    executor.save_deployment("d", deployment("another"))?;
    assert_eq!(executor.get_deployment("d")?.deployment_id, "d");
    assert_refused!(executor.get_performer("another"), TaskError::NotFound { .. });
    Ok(())
}

pub(crate) fn markers_last_as_long_as_they_are_told<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = case::timed(subject)?;
    let executor = ExecutorStore::open(&db)?.with_processed_ttl(Duration::from_secs(10));
    executor.mark_task_processed("t")?;
    clock.advance(Duration::from_secs(5));
    assert!(!executor.claim("t")?, "marking again does not renew it");
    clock.advance(Duration::from_nanos(4_999_999_999));
    assert!(executor.is_task_processed("t")?);
    clock.advance(Duration::from_nanos(1));
    assert!(!executor.is_task_processed("t")?);
    assert_eq!(db.sweep(10)?.records, 1, "its space is freed");
    assert!(executor.claim("t")?);
    assert!(executor.is_task_processed("t")?);

    let lasting = ExecutorStore::open(&db)?;
    lasting.mark_task_processed("for ever")?;
    clock.advance(Duration::from_secs(1_000_000));
    assert!(lasting.is_task_processed("for ever")?);
    Ok(())
}

pub(crate) fn markers_that_last_no_time_are_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = case::open(subject)?;
    let executor = ExecutorStore::open(&db)?.with_processed_ttl(Duration::ZERO);
    assert_refused!(executor.mark_task_processed("t"), TaskError::InvalidArgument(_));
    assert_refused!(executor.claim("t"), TaskError::InvalidArgument(_));
    assert!(!executor.is_task_processed("t")?);
    let executor = ExecutorStore::open(&db)?.with_processed_ttl(Duration::MAX);
    assert!(executor.claim("t")?);
    assert!(executor.is_task_processed("t")?);
    Ok(())
}
