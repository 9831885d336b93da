//! The hash.
//!
//! Small, it is a listpack of fields and values in the order they came; large, a dict. Knows nothing of keys or replies.

#[cfg(test)]
mod tests;

use super::bytes::SmallBytes;
use super::dict::{Dict, Keyed, distinct_indexes};
use super::listpack::{Element, Listpack, Place};
use super::numbers::long_double::LongDouble;

/// How large a hash may be as a listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most fields.
    pub max_listpack_entries: usize,
    /// Longest field or value, in bytes.
    pub max_listpack_value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_listpack_entries: 512, max_listpack_value: 64 }
    }
}

/// Fields with values.
#[derive(Debug, Clone)]
pub struct Hash(Form);

#[derive(Debug, Clone)]
enum Form {
    Listpack(Listpack),
    Table(Box<Dict<Field>>),
}

/// One field of a large hash.
#[derive(Debug, Clone)]
struct Field {
    name: SmallBytes,
    value: SmallBytes,
    next: u32,
}

impl Keyed for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        self.name.as_slice()
    }
    #[inline]
    fn next(&self) -> u32 {
        self.next
    }
    #[inline]
    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl Field {
    fn new(name: SmallBytes, value: SmallBytes) -> Self {
        Self { name, value, next: 0 }
    }

    fn pair(&self) -> (Element<'_>, Element<'_>) {
        (Element::Bytes(self.name.as_slice()), Element::Bytes(self.value.as_slice()))
    }
}

/// Why a field could not be incremented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IncrementError {
    /// The value is no integer.
    #[error("hash value is not an integer")]
    NotAnInteger,
    /// The value is no float.
    #[error("hash value is not a float")]
    NotAFloat,
    /// The sum has no place in 64 bits.
    #[error("increment or decrement would overflow")]
    Overflow,
    /// The sum is infinite or no number.
    #[error("increment would produce NaN or Infinity")]
    NotFinite,
}

impl Hash {
    /// An empty one.
    pub fn new() -> Self {
        Self(Form::Listpack(Listpack::new()))
    }

    /// An empty one that is large from the start, with room for so many fields.
    pub fn with_capacity(fields: usize) -> Self {
        Self(Form::Table(Box::new(Dict::with_capacity(fields))))
    }

    /// Takes a listpack of fields and values from elsewhere; none if it has no pairs only. Becomes a table at once if `limits`
    /// say so. That no field is there twice is not looked into: of one that is, the first counts.
    pub fn from_listpack(pack: Listpack, limits: &Limits) -> Option<Self> {
        let count = pack.len();
        if !count.is_multiple_of(2) {
            return None;
        }
        let short = |element: Element<'_>| element.text_len() <= limits.max_listpack_value;
        let small = count / 2 <= limits.max_listpack_entries && pack.iter().all(short);
        let mut hash = Self(Form::Listpack(pack));
        if !small {
            hash.make_table();
        }
        Some(hash)
    }

    /// The listpack, while it is small.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Listpack(pack) => Some(pack),
            Form::Table(_) => None,
        }
    }

    /// The name of its encoding as OBJECT ENCODING tells it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Listpack(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Listpack(pack) => pack.len() / 2,
            Form::Table(dict) => dict.len(),
        }
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Listpack(pack) => pack.is_empty(),
            Form::Table(dict) => dict.is_empty(),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        match &self.0 {
            Form::Listpack(pack) => find_value(pack, field).map(|place| pack.get(place)),
            Form::Table(dict) => dict.get(field).map(|found| Element::Bytes(found.value.as_slice())),
        }
    }

    /// Whether it has a field.
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Sets a field; answers whether it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let Form::Listpack(pack) = &mut self.0
            && fits(pack, field, value, limits)
        {
            let place = find_value(pack, field);
            if let Some(place) = place {
                pack.replace(place, value);
            } else {
                pack.push_back(field);
                pack.push_back(value);
            }
            // The limit may have been lowered since the last change.
            if pack.len() / 2 > limits.max_listpack_entries {
                self.make_table();
            }
            return place.is_none();
        }
        let dict = self.make_table();
        let hash = dict.hash_of(field);
        match dict.find_hashed(hash, field) {
            Some(index) => {
                dict.at_mut(index).value = SmallBytes::from(value);
                false
            }
            None => {
                dict.insert_new_hashed(hash, Field::new(field.into(), value.into()));
                true
            }
        }
    }

    /// Sets a field that is not there yet; answers whether it did.
    pub fn set_if_absent(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        !self.contains(field) && self.set(field, value, limits)
    }

    /// Removes a field; answers whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Listpack(pack) => {
                let place = pack.first().and_then(|first| pack.find(first, field, 1));
                place.is_some_and(|place| {
                    pack.delete_many(place, 2);
                    true
                })
            }
            Form::Table(dict) => dict.remove(field).is_some(),
        }
    }

    /// Adds to the integer in a field, which is 0 if it is not there; answers the sum.
    ///
    /// # Errors
    /// [`IncrementError::NotAnInteger`], [`IncrementError::Overflow`].
    pub fn increment(&mut self, field: &[u8], by: i64, limits: &Limits) -> Result<i64, IncrementError> {
        let old = match self.get(field) {
            None => 0,
            Some(value) => value.as_integer().ok_or(IncrementError::NotAnInteger)?,
        };
        let sum = old.checked_add(by).ok_or(IncrementError::Overflow)?;
        let mut buffer = itoa::Buffer::new();
        self.set(field, buffer.format(sum).as_bytes(), limits);
        Ok(sum)
    }

    /// Adds to the float in a field, which is 0 if it is not there; answers the sum's text, as it is kept.
    ///
    /// # Errors
    /// [`IncrementError::NotAFloat`], [`IncrementError::NotFinite`].
    pub fn increment_float(
        &mut self,
        field: &[u8],
        by: LongDouble,
        limits: &Limits,
    ) -> Result<Vec<u8>, IncrementError> {
        let old = match self.get(field) {
            None => LongDouble::from(0),
            Some(Element::Integer(value)) => LongDouble::from(value),
            Some(Element::Bytes(text)) => LongDouble::parse(text).ok_or(IncrementError::NotAFloat)?,
        };
        let sum = old.checked_add(by).ok_or(IncrementError::NotFinite)?;
        let mut text = Vec::with_capacity(32);
        sum.append_to(&mut text);
        self.set(field, &text, limits);
        Ok(text)
    }

    /// All fields with their values: of a small hash in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>)> + '_ {
        let (pairs, fields) = match &self.0 {
            Form::Listpack(pack) => (Some(pack.pairs()), None),
            Form::Table(dict) => (None, Some(dict.iter().map(Field::pair))),
        };
        pairs.into_iter().flatten().chain(fields.into_iter().flatten())
    }

    /// A field drawn at random, each as likely, with its value.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<(Element<'_>, Element<'_>)> {
        match &self.0 {
            Form::Listpack(pack) => {
                let (field, value) = pack.get_and_next(pack.random(2, random)?);
                Some((field, pack.get(value?)))
            }
            Form::Table(dict) => dict.random_index(random).map(|index| dict.at(index).pair()),
        }
    }

    /// Visits `count` fields drawn at random, each draw from all; nothing if it is empty.
    pub fn sample<'a>(
        &'a self,
        count: usize,
        random: &mut fastrand::Rng,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) {
        // A walk to each draw would be slow: so a small hash is spread out once.
        let spread: Vec<_> =
            if count > 1 { self.as_listpack().map(|pack| pack.pairs().collect()) } else { None }.unwrap_or_default();
        for _ in 0..count {
            let drawn =
                if spread.is_empty() { self.random(random) } else { Some(spread[random.usize(..spread.len())]) };
            let Some((field, value)) = drawn else { return };
            visit(field, value);
        }
    }

    /// Visits `count` different fields drawn at random; all, if it has no more.
    pub fn sample_distinct<'a>(
        &'a self,
        count: usize,
        random: &mut fastrand::Rng,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) {
        if count >= self.len() {
            return self.iter().for_each(|(field, value)| visit(field, value));
        }
        let chosen = distinct_indexes(self.len(), count, random);
        match &self.0 {
            Form::Listpack(pack) => {
                let pairs: Vec<_> = pack.pairs().collect();
                chosen
                    .iter()
                    .filter_map(|index| pairs.get(*index as usize))
                    .for_each(|(field, value)| visit(*field, *value));
            }
            Form::Table(dict) => {
                chosen.iter().map(|index| dict.at(*index).pair()).for_each(|(field, value)| visit(field, value))
            }
        }
    }

    /// Visits some fields from `cursor` on, about `count`, and answers the next cursor, 0 at the end.
    /// All of a small hash at once. The guarantee is [`Dict::scan`]'s.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Element<'_>, Element<'_>)) -> u64 {
        match &self.0 {
            Form::Listpack(pack) => {
                pack.pairs().for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Table(dict) => dict.scan_many(cursor, count, |field| {
                let (field, value) = field.pair();
                visit(field, value);
            }),
        }
    }

    /// Bytes it holds outside itself; of a large hash estimated from `samples` fields, or counted over all if that is 0.
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Listpack(pack) => pack.heap_bytes(),
            Form::Table(dict) => {
                let held = |field: &Field| field.name.heap_bytes() + field.value.heap_bytes();
                size_of::<Dict<Field>>() + dict.heap_bytes() + dict.sampled_sum(samples, held)
            }
        }
    }

    /// Statistics of the table, for DEBUG HTSTATS-KEY; none while it is small.
    pub fn table_stats(&self) -> Option<(super::dict::TableStats, Option<super::dict::TableStats>)> {
        match &self.0 {
            Form::Listpack(_) => None,
            Form::Table(dict) => Some(dict.stats()),
        }
    }

    /// Becomes a table, if it is none, and lends it.
    fn make_table(&mut self) -> &mut Dict<Field> {
        if let Form::Listpack(pack) = &self.0 {
            self.0 = Form::Table(Box::new(table_of(pack)));
        }
        match &mut self.0 {
            Form::Table(dict) => dict,
            Form::Listpack(_) => unreachable!("it has just become a table"),
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a pair may be added to a listpack, or a value replaced in it.
fn fits(pack: &Listpack, field: &[u8], value: &[u8], limits: &Limits) -> bool {
    field.len() <= limits.max_listpack_value
        && value.len() <= limits.max_listpack_value
        && pack.has_room_for(field.len() + value.len())
}

/// Where the value of a field is.
fn find_value(pack: &Listpack, field: &[u8]) -> Option<Place> {
    pack.next(pack.find(pack.first()?, field, 1)?)
}

/// The pairs of a listpack as a table; of fields that are there twice only the first.
fn table_of(pack: &Listpack) -> Dict<Field> {
    let mut dict = Dict::with_capacity(pack.len() / 2);
    for (name, value) in pack.pairs() {
        let name = name.to_small_bytes();
        let hash = dict.hash_of(&name);
        if dict.find_hashed(hash, &name).is_none() {
            dict.insert_new_hashed(hash, Field::new(name, value.to_small_bytes()));
        }
    }
    dict
}
