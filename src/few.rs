//! Maps, sets and the sorting of a few entries. Those of the standard library are made for millions, and each costs the
//! program two to six kilobytes for every type it is used with (`collect` into a `BTreeMap` is a sort as well); these cost a
//! tenth. An insertion moves all that come after it, so what may have tens of thousands of entries stays with the others.

use std::borrow::Borrow;

/// Sorts by insertion; what is neither before nor after each other stays in the order it had.
pub fn sort<T>(list: &mut [T], is_after: impl Fn(&T, &T) -> bool) {
    for end in 1..list.len() {
        for at in (0..end).rev() {
            match list.get_mut(at..at + 2) {
                Some([one, other]) if is_after(one, other) => std::mem::swap(one, other),
                _ => break,
            }
        }
    }
}

/// What `collect` gives, entry by entry: into a `BTreeMap` or a `BTreeSet` it would sort first.
pub fn collect<T, C: Default + Extend<T>>(entries: impl IntoIterator<Item = T>) -> C {
    let mut collected = C::default();
    collected.extend(entries);
    collected
}

/// A map in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Map<K, V> {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn retain(&mut self, mut keeps: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keeps(key, value));
    }
}

impl<K: Ord, V> Map<K, V> {
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (_, value) = self.0.get(self.place(key).ok()?)?;
        Some(value)
    }

    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        let (_, value) = self.0.get_mut(at)?;
        Some(value)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// What was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Leaves alone what is there already.
    pub fn insert_new(&mut self, key: K, value: V) {
        if let Err(at) = self.place(&key) {
            self.0.insert(at, (key, value));
        }
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Where the key is, or belongs.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }
}

impl<K: Ord, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        map.extend(pairs);
        map
    }
}

/// A set in the order of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T>(Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Set<T> {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T: Ord> Set<T> {
    pub fn contains<Q: Ord + ?Sized>(&self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0
            .binary_search_by(|known| known.borrow().cmp(member))
            .is_ok()
    }

    /// Whether it was not there before.
    pub fn insert(&mut self, member: T) -> bool {
        match self.0.binary_search(&member) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, member);
                true
            }
        }
    }
}

impl<T: Ord> Extend<T> for Set<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        for member in members {
            self.insert(member);
        }
    }
}

impl<T: Ord> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = Self::new();
        set.extend(members);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::{Map, Set, sort};
    use std::collections::{BTreeMap, BTreeSet};

    /// Every list of up to five of the numbers 0 to 3.
    fn lists() -> Vec<Vec<u8>> {
        let mut lists = vec![Vec::new()];
        for at in 0..5 {
            let longest: Vec<Vec<u8>> = lists.iter().filter(|list| list.len() == at).cloned().collect();
            for list in longest {
                lists.extend((0..4).map(|next| [&list[..], &[next]].concat()));
            }
        }
        lists
    }

    #[test]
    fn a_list_is_sorted_as_the_standard_library_does_it() {
        for list in lists() {
            let mut ours: Vec<(u8, usize)> = list.iter().copied().zip(0..).collect();
            let mut theirs = ours.clone();
            sort(&mut ours, |one, other| one.0 > other.0);
            theirs.sort_by_key(|entry| entry.0);
            assert_eq!(ours, theirs, "{list:?}");
        }
    }

    #[test]
    fn a_map_and_a_set_say_what_those_of_the_standard_library_say() {
        for list in lists() {
            let mut ours: Map<u8, usize> = list.iter().copied().zip(0..).collect();
            let mut theirs: BTreeMap<u8, usize> = list.iter().copied().zip(0..).collect();
            assert!(
                ours.iter().eq(&theirs) && ours.keys().eq(theirs.keys()),
                "{list:?}"
            );
            for key in 0..5 {
                assert_eq!(ours.get(&key), theirs.get(&key), "{key} in {list:?}");
                assert_eq!(ours.remove(&key), theirs.remove(&key), "{key} in {list:?}");
                assert_eq!(ours.insert(key, 9), theirs.insert(key, 9), "{key} in {list:?}");
                ours.insert_new(key, 8);
                assert!(ours.iter().eq(&theirs), "{key} in {list:?}");
            }
            let ours: Set<u8> = list.iter().copied().collect();
            let theirs: BTreeSet<u8> = list.iter().copied().collect();
            assert!(ours.iter().eq(&theirs), "{list:?}");
            assert!((0..5).all(|member| ours.contains(&member) == theirs.contains(&member)));
        }
    }
}
