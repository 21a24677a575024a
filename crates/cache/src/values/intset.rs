//! A set of integers as one sorted array, as narrow as its widest member allows. It never narrows again.

/// The members, all of one width.
#[derive(Clone)]
pub enum Intset {
    Narrow(Vec<i16>),
    Middle(Vec<i32>),
    Wide(Vec<i64>),
}

impl Default for Intset {
    fn default() -> Intset {
        Intset::Narrow(Vec::new())
    }
}

impl Intset {
    pub fn len(&self) -> usize {
        match self {
            Intset::Narrow(members) => members.len(),
            Intset::Middle(members) => members.len(),
            Intset::Wide(members) => members.len(),
        }
    }

    pub fn memory_bytes(&self) -> usize {
        match self {
            Intset::Narrow(members) => members.capacity() * 2,
            Intset::Middle(members) => members.capacity() * 4,
            Intset::Wide(members) => members.capacity() * 8,
        }
    }

    pub fn get(&self, index: usize) -> Option<i64> {
        match self {
            Intset::Narrow(members) => members.get(index).map(|&member| i64::from(member)),
            Intset::Middle(members) => members.get(index).map(|&member| i64::from(member)),
            Intset::Wide(members) => members.get(index).copied(),
        }
    }

    pub fn contains(&self, value: i64) -> bool {
        self.find(value).is_ok()
    }

    /// Answers whether the value is new.
    pub fn insert(&mut self, value: i64) -> bool {
        self.widen_for(value);
        let Err(index) = self.find(value) else {
            return false;
        };
        match self {
            Intset::Narrow(members) => members.insert(index, value as i16),
            Intset::Middle(members) => members.insert(index, value as i32),
            Intset::Wide(members) => members.insert(index, value),
        }
        true
    }

    pub fn remove(&mut self, value: i64) -> bool {
        let found = self.find(value);
        if let Ok(index) = found {
            self.remove_nth(index);
        }
        found.is_ok()
    }

    pub fn remove_nth(&mut self, index: usize) {
        match self {
            Intset::Narrow(members) => drop(members.remove(index)),
            Intset::Middle(members) => drop(members.remove(index)),
            Intset::Wide(members) => drop(members.remove(index)),
        }
    }

    fn find(&self, value: i64) -> Result<usize, usize> {
        match self {
            Intset::Narrow(members) => members.binary_search_by(|&member| i64::from(member).cmp(&value)),
            Intset::Middle(members) => members.binary_search_by(|&member| i64::from(member).cmp(&value)),
            Intset::Wide(members) => members.binary_search(&value),
        }
    }

    fn widen_for(&mut self, value: i64) {
        let is_narrow = i16::try_from(value).is_ok();
        let is_middle = i32::try_from(value).is_ok();
        *self = match self {
            Intset::Narrow(members) if !is_narrow && is_middle => {
                Intset::Middle(members.iter().map(|&member| i32::from(member)).collect())
            }
            Intset::Narrow(members) if !is_middle => {
                Intset::Wide(members.iter().map(|&member| i64::from(member)).collect())
            }
            Intset::Middle(members) if !is_middle => {
                Intset::Wide(members.iter().map(|&member| i64::from(member)).collect())
            }
            _ => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_sorted_while_the_width_grows() {
        let mut set = Intset::default();
        let steps =
            [(5, 2), (-5, 2), (i64::from(i16::MIN), 2), (40_000, 4), (i64::from(i32::MAX) + 1, 8), (1, 8)];
        let mut model = Vec::new();
        for (value, width) in steps {
            assert!(set.insert(value) && !set.insert(value));
            model.push(value);
            model.sort_unstable();
            let members: Vec<i64> = (0..set.len()).filter_map(|index| set.get(index)).collect();
            assert_eq!(members, model);
            let actual = match set {
                Intset::Narrow(_) => 2,
                Intset::Middle(_) => 4,
                Intset::Wide(_) => 8,
            };
            assert_eq!(actual, width, "after {value}");
        }
        assert!(set.remove(40_000) && !set.remove(40_000) && !set.contains(40_000));
        assert_eq!(set.len(), model.len() - 1);
    }
}
