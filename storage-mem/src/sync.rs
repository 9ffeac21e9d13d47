//! The locks of the engine, through one door, so that shuttle can reach them.
//!
//! Built with `--cfg shuttle` they are shuttle's, and tests explore the schedules; otherwise those of parking_lot and
//! DashMap. DashMap is maps behind read-write locks, one a part of the keys, with guards that hold them; its locks
//! cannot be scheduled, so one such map stands for it. Shuttle takes every atomic operation for sequentially
//! consistent: whether an ordering is strong enough it does not tell.

pub(crate) use imp::{
    AtomicBool, AtomicU64, Hash, Mutex, Ordering, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

#[cfg(not(shuttle))]
mod imp {
    pub(crate) use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// The hash of a keyspace.
    pub(crate) type Hash<K> = dashmap::DashMap<K, (), ahash::RandomState>;
}

#[cfg(shuttle)]
mod imp {
    use std::borrow::Borrow;
    use std::collections::HashMap;
    use std::hash::Hash as Hashed;
    use std::sync::PoisonError;

    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<shuttle::sync::MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    #[derive(Debug)]
    pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(shuttle::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }

        /// Nobody learns anything from it.
        pub(crate) fn is_locked(&self) -> bool {
            false
        }
    }

    /// One part of a DashMap, as far as the engine uses it. Boxed, since a lock of shuttle's is large.
    #[derive(Debug)]
    pub(crate) struct Hash<K>(Box<RwLock<HashMap<K, (), ahash::RandomState>>>);

    impl<K: Hashed + Eq + Clone> Hash<K> {
        pub(crate) fn with_hasher(hasher: ahash::RandomState) -> Self {
            Hash(Box::new(RwLock::new(HashMap::with_hasher(hasher))))
        }

        pub(crate) fn get<Q: Hashed + Eq + ?Sized>(&self, key: &Q) -> Option<Ref<'_, K>>
        where
            K: Borrow<Q>,
        {
            let part = self.0.read();
            let found = part.get_key_value(key)?.0.clone();
            Some(Ref { found, _part: part })
        }

        pub(crate) fn insert(&self, key: K, value: ()) -> Option<()> {
            self.0.write().insert(key, value)
        }

        pub(crate) fn remove_if<Q: Hashed + Eq + ?Sized>(
            &self,
            key: &Q,
            may_go: impl FnOnce(&K, &()) -> bool,
        ) -> Option<(K, ())>
        where
            K: Borrow<Q>,
        {
            let mut part = self.0.write();
            let goes = part.get_key_value(key).is_some_and(|(found, value)| may_go(found, value));
            if goes { part.remove_entry(key) } else { None }
        }
    }

    /// A key that was found. Its part of the map is locked until it is dropped.
    pub(crate) struct Ref<'a, K> {
        found: K,
        _part: RwLockReadGuard<'a, HashMap<K, (), ahash::RandomState>>,
    }

    impl<K> Ref<'_, K> {
        pub(crate) fn key(&self) -> &K {
            &self.found
        }
    }
}
