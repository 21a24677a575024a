//! The keyspace: databases of keys, changed only through effects.
//!
//! Reads go anywhere through [`Keyspace::find`] and the typed getters; every change is an [`effects::Effect`],
//! applied live, at recovery and by replicas through the same code. No replies, no sessions, no clock.

pub mod access;
pub mod codec;
mod durable_hash;
pub mod effects;
pub mod entry;
pub mod expires;
pub mod expiry;
pub mod freeze;
pub mod notices;
pub mod string;
pub mod table;
pub mod usage;

use crate::command::CommandError;
use crate::values::{Hash, Limits, List, Set, SortedSet};
use access::Access;
use entry::Entry;
use expires::Expires;
use freeze::Freeze;
use notices::Notices;
use string::StringRef;
use table::{Garbage, Slot, Table};
use usage::{Usage, size_of};
use warren_units::UnixMillis;
use warren_units::bounds::DATABASE_COUNT;

/// A value that is not a string.
pub enum Container {
    List(Box<List>),
    Hash(Box<Hash>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
}

/// A copy in constant time: both share their chunks until one of them changes.
impl Clone for Container {
    fn clone(&self) -> Container {
        match self {
            Container::List(list) => Container::List(Box::new(list.freeze())),
            Container::Hash(hash) => Container::Hash(Box::new(hash.freeze())),
            Container::Set(set) => Container::Set(Box::new(set.freeze())),
            Container::SortedSet(sorted_set) => Container::SortedSet(Box::new(sorted_set.freeze())),
        }
    }
}

pub type KeyEntry = Entry<Container>;

/// Giving back the memory of a longer string is left to another thread.
const LARGE_STRING_BYTES_MIN: usize = 1024 * 1024;

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    String,
    List,
    Hash,
    Set,
    SortedSet,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::String, Kind::List, Kind::Hash, Kind::Set, Kind::SortedSet];

    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
        }
    }

    pub fn of(entry: &KeyEntry) -> Kind {
        match entry.container() {
            None => Kind::String,
            Some(Container::List(_)) => Kind::List,
            Some(Container::Hash(_)) => Kind::Hash,
            Some(Container::Set(_)) => Kind::Set,
            Some(Container::SortedSet(_)) => Kind::SortedSet,
        }
    }
}

/// A key and where it was found: what an effect carries so that it need not look it up again. It is good
/// until the next change of its database.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub database: u8,
    pub key: &'a [u8],
    pub hash: u64,
    /// `None`: there is no such key.
    pub slot: Option<Slot>,
}

/// One numbered database.
pub struct Database {
    pub table: Table<Container>,
    pub expires: Expires,
    /// Its number in the frozen view; SWAPDB may have given it another one since.
    frozen_number: u8,
    /// Keys and values, but for one that is being changed (see [`usage`]).
    entries_bytes: usize,
}

/// All databases and what is known about who waits for changes in them.
pub struct Keyspace {
    databases: Vec<Database>,
    seed: u64,
    /// Limits of the compact encodings.
    pub limits: Limits,
    pub notices: Notices,
    /// Large values that were removed: freed outside the engine.
    garbage: Vec<KeyspaceGarbage>,
    /// What a checkpoint still needs of the state at its LSN.
    freeze: Freeze,
    /// When and how often keys are used; volatile.
    pub access: Access,
    usage: Usage,
    /// Counts changes, so that a step knows whether it made any.
    pub change_count: u64,
    /// Database and hash of keys that come next; empty between two calls of the engine.
    announced: Vec<(u8, u64)>,
}

/// Something large that has left the keyspace; dropping it is all there is to do, on any thread.
pub enum KeyspaceGarbage {
    Value(KeyEntry),
    Table(Garbage<Container>),
}

impl Keyspace {
    /// An empty keyspace; `seed` keys all its hashes.
    pub fn new(seed: u64) -> Keyspace {
        let database = |number| Database {
            table: Table::new(seed),
            expires: Expires::default(),
            frozen_number: number,
            entries_bytes: 0,
        };
        let databases: Vec<Database> = (0..DATABASE_COUNT as u8).map(database).collect();
        let mut usage = Usage::default();
        usage.tables_changed(0, databases.iter().map(Database::tables_bytes).sum());
        Keyspace {
            databases,
            seed,
            limits: Limits { hash_seed: seed, ..Limits::default() },
            notices: Notices::default(),
            garbage: Vec::new(),
            freeze: Freeze::default(),
            access: Access::new(seed),
            usage,
            change_count: 0,
            announced: Vec::new(),
        }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    pub fn database(&self, database: u8) -> &Database {
        &self.databases[database as usize]
    }

    /// Looks a key up, expired or not.
    #[inline]
    pub fn find<'a>(&self, database: u8, key: &'a [u8]) -> Place<'a> {
        let table = &self.databases[database as usize].table;
        let hash = table.hash(key);
        Place { database, key, hash, slot: table.find(hash, key) }
    }

    /// Looks a key up and marks it as used, in one walk through the table. Answers also whether the entry
    /// has expired; such a one is not marked.
    #[inline]
    pub fn find_and_touch<'a>(&mut self, database: u8, key: &'a [u8], now: UnixMillis) -> (Place<'a>, bool) {
        let table = &mut self.databases[database as usize].table;
        let hash = table.hash(key);
        let Some((slot, entry)) = table.find_mut(hash, key) else {
            return (Place { database, key, hash, slot: None }, false);
        };
        let is_expired = entry.expire_at().is_some_and(|deadline| deadline <= now);
        if !is_expired {
            self.access.mark(entry);
        }
        (Place { database, key, hash, slot: Some(slot) }, is_expired)
    }

    /// A key that is looked up soon: asks the CPU for its bucket. Once all keys of a batch are announced,
    /// [`Keyspace::fetch_announced`] asks for their entries. Each look-up alone waits for two or three cache
    /// misses; announced, they come in side by side.
    #[inline]
    pub fn announce(&mut self, database: u8, key: &[u8]) {
        let table = &self.databases[database as usize].table;
        let hash = table.hash(key);
        table.prefetch_bucket(hash);
        self.announced.push((database, hash));
    }

    /// Asks the CPU for the entries of the keys announced since the last call.
    pub fn fetch_announced(&mut self) {
        for (database, hash) in self.announced.drain(..) {
            self.databases[database as usize].table.prefetch_entry(hash);
        }
    }

    /// The entry at a place.
    #[inline]
    pub fn entry(&self, place: Place<'_>) -> Option<&KeyEntry> {
        Some(self.databases[place.database as usize].table.get(place.slot?))
    }

    /// Changes the entry at a place; `None` if there is none.
    #[inline]
    pub(crate) fn change_entry<R>(
        &mut self,
        place: Place<'_>,
        change: impl FnOnce(&mut KeyEntry) -> R,
    ) -> Option<R> {
        let slot = place.slot?;
        self.settle();
        let database = &mut self.databases[place.database as usize];
        let entry = database.table.get_mut(slot);
        self.freeze.before_change(database.frozen_number, entry);
        let before = size_of(entry);
        let result = change(entry);
        let after = size_of(entry);
        if after != before {
            self.usage.subtract(database, before);
            self.usage.add(database, after);
        }
        Some(result)
    }

    /// True where the key has a deadline that has passed. Reads treat it as absent.
    #[inline]
    pub fn is_expired(&self, place: Place<'_>, now: UnixMillis) -> bool {
        self.entry(place).and_then(KeyEntry::expire_at).is_some_and(|deadline| deadline <= now)
    }

    /// The string at a place; `None` if there is no key.
    ///
    /// # Errors
    /// WRONGTYPE. The same holds for the getters below.
    #[inline]
    pub fn string(&self, place: Place<'_>) -> Result<Option<StringRef<'_>>, CommandError> {
        match self.entry(place) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(CommandError::WrongType),
        }
    }

    pub fn list(&self, place: Place<'_>) -> Result<Option<&List>, CommandError> {
        self.container(place, |container| match container {
            Container::List(list) => Some(&**list),
            _ => None,
        })
    }

    pub fn hash(&self, place: Place<'_>) -> Result<Option<&Hash>, CommandError> {
        self.container(place, |container| match container {
            Container::Hash(hash) => Some(&**hash),
            _ => None,
        })
    }

    pub fn set(&self, place: Place<'_>) -> Result<Option<&Set>, CommandError> {
        self.container(place, |container| match container {
            Container::Set(set) => Some(&**set),
            _ => None,
        })
    }

    pub fn sorted_set(&self, place: Place<'_>) -> Result<Option<&SortedSet>, CommandError> {
        self.container(place, |container| match container {
            Container::SortedSet(sorted_set) => Some(&**sorted_set),
            _ => None,
        })
    }

    fn container<'k, T>(
        &'k self,
        place: Place<'_>,
        pick: impl FnOnce(&'k Container) -> Option<&'k T>,
    ) -> Result<Option<&'k T>, CommandError> {
        let Some(entry) = self.entry(place) else { return Ok(None) };
        entry.container().and_then(pick).map(Some).ok_or(CommandError::WrongType)
    }

    /// What left the keyspace and is large; to be dropped outside the engine.
    pub fn take_garbage(&mut self) -> Vec<KeyspaceGarbage> {
        std::mem::take(&mut self.garbage)
    }

    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// The time of uses from now on.
    pub fn set_access_time(&mut self, now: UnixMillis) {
        self.access.set_now(now);
    }

    /// Marks the entry at a place as just used. Not a change: uses are volatile.
    #[inline]
    pub fn touch(&mut self, place: Place<'_>) {
        if let Some(slot) = place.slot {
            let table = &mut self.databases[place.database as usize].table;
            self.access.mark(table.get_mut(slot));
        }
    }

    // What follows is the one mutation path: only effects call it.

    /// Puts an entry at a place, over the one that is there.
    pub(crate) fn put(&mut self, place: Place<'_>, mut entry: KeyEntry) {
        self.settle();
        self.freeze.mark_new(&mut entry);
        let database = &mut self.databases[place.database as usize];
        let deadline = entry.expire_at();
        let tables_bytes = database.tables_bytes();
        let bytes = size_of(&entry);
        if let Some(slot) = place.slot {
            self.access.mark_replacing(&mut entry, database.table.get(slot));
            let mut old = database.table.replace(slot, entry);
            let old_bytes = size_of(&old);
            self.usage.subtract(database, old_bytes);
            self.freeze.before_change(database.frozen_number, &mut old);
            let old_deadline = old.expire_at();
            database.expires.change(place.hash, old_deadline, deadline);
            self.usage.add(database, bytes);
            self.usage.tables_changed(tables_bytes, database.tables_bytes());
            self.discard(old);
        } else {
            self.access.mark_new(&mut entry);
            database.table.insert(place.hash, entry);
            database.expires.change(place.hash, None, deadline);
            self.usage.add(database, bytes);
            self.usage.tables_changed(tables_bytes, database.tables_bytes());
        }
        self.changed(place);
    }

    /// Takes the entry at a place out.
    pub(crate) fn take(&mut self, place: Place<'_>) -> Option<KeyEntry> {
        let slot = place.slot?;
        self.settle();
        let database = &mut self.databases[place.database as usize];
        let tables_bytes = database.tables_bytes();
        let mut entry = database.table.remove(slot);
        self.usage.subtract(database, size_of(&entry));
        self.freeze.before_change(database.frozen_number, &mut entry);
        database.expires.change(place.hash, entry.expire_at(), None);
        self.usage.tables_changed(tables_bytes, database.tables_bytes());
        self.changed(place);
        Some(entry)
    }

    /// Sets or clears the deadline of the key at a place.
    pub(crate) fn set_deadline(&mut self, place: Place<'_>, deadline: Option<UnixMillis>) {
        let old = self.entry(place).and_then(KeyEntry::expire_at);
        if old != deadline && self.change_entry(place, |entry| entry.set_expire_at(deadline)).is_some() {
            let database = &mut self.databases[place.database as usize];
            let tables_bytes = database.tables_bytes();
            database.expires.change(place.hash, old, deadline);
            self.usage.tables_changed(tables_bytes, database.tables_bytes());
        }
    }

    /// A row of the deadlines has no key any more.
    pub(crate) fn forget_deadline(&mut self, database: u8, hash: u64, deadline: UnixMillis) {
        let database = &mut self.databases[database as usize];
        let tables_bytes = database.tables_bytes();
        database.expires.change(hash, Some(deadline), None);
        self.usage.tables_changed(tables_bytes, database.tables_bytes());
    }

    /// The container at a place for a change; made empty by `make` where there is no key.
    pub(crate) fn container_or_insert(
        &mut self,
        place: Place<'_>,
        make: impl FnOnce() -> Container,
    ) -> &mut Container {
        self.changed(place);
        let slot = match place.slot {
            Some(slot) => {
                self.open(place, slot);
                slot
            }
            None => {
                self.settle();
                let mut entry = Entry::new_container(place.key, make());
                self.access.mark_new(&mut entry);
                self.freeze.mark_new(&mut entry);
                let database = &mut self.databases[place.database as usize];
                let tables_bytes = database.tables_bytes();
                let slot = database.table.insert(place.hash, entry);
                self.usage.tables_changed(tables_bytes, database.tables_bytes());
                self.usage.open_new(place, slot);
                slot
            }
        };
        let database = &mut self.databases[place.database as usize];
        let entry = database.table.get_mut(slot);
        self.freeze.before_change(database.frozen_number, entry);
        entry.container_mut().expect("an effect meets the type it was decided for")
    }

    /// The container at a place for a change; `None` if there is no key or it is a string.
    pub(crate) fn container_mut(&mut self, place: Place<'_>) -> Option<&mut Container> {
        let slot = place.slot?;
        self.open(place, slot);
        let database = &mut self.databases[place.database as usize];
        let entry = database.table.get_mut(slot);
        self.freeze.before_change(database.frozen_number, entry);
        entry.container_mut()
    }

    /// Something was removed from the container at a place; an empty one goes.
    pub(crate) fn removed_from(&mut self, place: Place<'_>, is_empty: bool) {
        if is_empty {
            self.take(place);
        } else {
            self.changed(place);
        }
    }

    /// Frees an entry: at once where that is quick, as garbage where not.
    pub(crate) fn discard(&mut self, entry: KeyEntry) {
        if is_large(&entry) {
            self.garbage.push(KeyspaceGarbage::Value(entry));
        }
    }

    /// FLUSHDB: the old table becomes garbage.
    pub(crate) fn flush(&mut self, database: u8) {
        self.settle();
        let old = &mut self.databases[database as usize];
        self.usage.subtract(old, old.entries_bytes);
        let tables_bytes = old.tables_bytes();
        self.notices.database_changed(database, |key| old.table.find(old.table.hash(key), key).is_some());
        let table = old.table.clear();
        self.garbage.extend(self.freeze.keep_table(old.frozen_number, table).map(KeyspaceGarbage::Table));
        old.expires = Expires::default();
        self.usage.tables_changed(tables_bytes, old.tables_bytes());
        self.change_count += 1;
    }

    pub(crate) fn swap(&mut self, first: u8, second: u8) {
        self.settle();
        self.databases.swap(first as usize, second as usize);
        self.change_count += 1;
        let [one, other] = [first, second].map(|database| &self.databases[database as usize].table);
        let is_there =
            |key: &[u8]| [one, other].iter().any(|table| table.find(table.hash(key), key).is_some());
        self.notices.database_changed(first, is_there);
        self.notices.database_changed(second, is_there);
    }

    /// Every change of a key passes here.
    #[inline]
    pub(crate) fn changed(&mut self, place: Place<'_>) {
        self.change_count += 1;
        if self.notices.is_watched() {
            self.notices.key_changed(place.database, place.key);
        }
    }
}

fn is_large(entry: &KeyEntry) -> bool {
    match entry.container() {
        None => entry.memory_size_bytes() >= LARGE_STRING_BYTES_MIN,
        Some(Container::List(list)) => list.len() > 64,
        Some(Container::Hash(hash)) => hash.len() > 64,
        Some(Container::Set(set)) => set.len() > 64,
        Some(Container::SortedSet(sorted_set)) => sorted_set.len() > 64,
    }
}
