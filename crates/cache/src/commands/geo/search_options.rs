//! What a search asks for: around which point, how far, and what of the members found.

use super::{need_point, need_unit_meters, position_of};
use crate::command::CommandError;
use crate::geohash::{Point, Shape};
use crate::parse::{float, is_option, need_integer};
use crate::values::SortedSet;
use warren_resp::Args;

/// The commands that search.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Search,
    SearchStore,
    Radius { may_store: bool },
    RadiusByMember { may_store: bool },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Nearest,
    Farthest,
}

#[derive(Default)]
pub struct SearchOptions<'a> {
    /// `None` where a member is named and its key is missing.
    pub center: Option<Point>,
    pub shape: Option<Shape>,
    pub unit_meters: f64,
    pub with_coordinates: bool,
    pub with_distance: bool,
    pub with_hash: bool,
    pub order: Option<Order>,
    pub count: Option<usize>,
    /// Any members within will do.
    pub any: bool,
    pub destination: Option<&'a [u8]>,
    pub stores_distance: bool,
}

impl Form {
    pub fn key_at(self) -> usize {
        if self == Form::SearchStore { 2 } else { 1 }
    }

    /// Where the options begin.
    fn options_at(self) -> usize {
        match self {
            Form::Search => 2,
            Form::SearchStore => 3,
            Form::Radius { .. } => 6,
            Form::RadiusByMember { .. } => 5,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    fn may_name_destination(self) -> bool {
        matches!(self, Form::Radius { may_store: true } | Form::RadiusByMember { may_store: true })
    }
}

impl<'a> SearchOptions<'a> {
    pub fn read(
        args: Args<'a>,
        form: Form,
        sorted_set: Option<&SortedSet>,
    ) -> Result<SearchOptions<'a>, CommandError> {
        let mut options = SearchOptions { unit_meters: 1.0, ..SearchOptions::default() };
        match form {
            Form::Search => {}
            Form::SearchStore => options.destination = Some(args.get(1)),
            Form::Radius { .. } => {
                options.center = Some(need_point(args, 2)?);
                options.read_radius(args, 4)?;
            }
            Form::RadiusByMember { .. } if sorted_set.is_none() => {}
            Form::RadiusByMember { .. } => {
                options.center = need_member(sorted_set, args.get(2))?;
                options.read_radius(args, 3)?;
            }
        }
        let mut names_member = false;
        let mut position = form.options_at();
        while position < args.len() {
            position += 1 + match options.read_flag(args.get(position), form) {
                true => 0,
                false => options.read_option(args, position, form, sorted_set, &mut names_member)?,
            };
        }
        options.check(args, form, names_member)?;
        Ok(options)
    }

    /// An option of one word; false if it is none.
    fn read_flag(&mut self, word: &[u8], form: Form) -> bool {
        match word {
            _ if is_option(word, "WITHDIST") => self.with_distance = true,
            _ if is_option(word, "WITHHASH") => self.with_hash = true,
            _ if is_option(word, "WITHCOORD") => self.with_coordinates = true,
            _ if is_option(word, "ANY") => self.any = true,
            _ if is_option(word, "ASC") => self.order = Some(Order::Nearest),
            _ if is_option(word, "DESC") => self.order = Some(Order::Farthest),
            _ if is_option(word, "STOREDIST") && form == Form::SearchStore => self.stores_distance = true,
            _ => return false,
        }
        true
    }

    /// An option with values; how many it took.
    fn read_option(
        &mut self,
        args: Args<'a>,
        position: usize,
        form: Form,
        sorted_set: Option<&SortedSet>,
        names_member: &mut bool,
    ) -> Result<usize, CommandError> {
        let word = args.get(position);
        let following = args.len() - position - 1;
        let names_point = self.center.is_some() && !*names_member;
        let is_circle = matches!(self.shape, Some(Shape::Circle { .. }));
        let is_rectangle = matches!(self.shape, Some(Shape::Rectangle { .. }));
        match word {
            _ if is_option(word, "COUNT") && following >= 1 => {
                let count = need_integer(args.get(position + 1))?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                self.count = Some(count.ok_or(CommandError::fixed("ERR COUNT must be > 0"))?);
                Ok(1)
            }
            _ if (is_option(word, "STORE") || is_option(word, "STOREDIST"))
                && following >= 1
                && form.may_name_destination() =>
            {
                self.destination = Some(args.get(position + 1));
                self.stores_distance = is_option(word, "STOREDIST");
                Ok(1)
            }
            _ if !form.is_search() => Err(CommandError::Syntax),
            _ if is_option(word, "FROMMEMBER") && following >= 1 && !names_point => {
                self.center = need_member(sorted_set, args.get(position + 1))?;
                *names_member = true;
                Ok(1)
            }
            _ if is_option(word, "FROMLONLAT") && following >= 2 && !*names_member => {
                self.center = Some(need_point(args, position + 1)?);
                Ok(2)
            }
            _ if is_option(word, "BYRADIUS") && following >= 2 && !is_rectangle => {
                self.read_radius(args, position + 1)?;
                Ok(2)
            }
            _ if is_option(word, "BYBOX") && following >= 3 && !is_circle => {
                self.read_box(args, position + 1)?;
                Ok(3)
            }
            _ => Err(CommandError::Syntax),
        }
    }

    fn read_radius(&mut self, args: Args<'_>, first: usize) -> Result<(), CommandError> {
        let radius = float(args.get(first)).ok_or(CommandError::fixed("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(CommandError::fixed("ERR radius cannot be negative"));
        }
        self.unit_meters = need_unit_meters(args.get(first + 1))?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit_meters });
        Ok(())
    }

    fn read_box(&mut self, args: Args<'_>, first: usize) -> Result<(), CommandError> {
        let width = float(args.get(first)).ok_or(CommandError::fixed("ERR need numeric width"))?;
        let height = float(args.get(first + 1)).ok_or(CommandError::fixed("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(CommandError::fixed("ERR height or width cannot be negative"));
        }
        self.unit_meters = need_unit_meters(args.get(first + 2))?;
        let (width, height) = (width * self.unit_meters, height * self.unit_meters);
        self.shape = Some(Shape::Rectangle { width, height });
        Ok(())
    }

    fn check(&self, args: Args<'_>, form: Form, names_member: bool) -> Result<(), CommandError> {
        let returns_more = self.with_distance || self.with_hash || self.with_coordinates;
        let name = String::from_utf8_lossy(args.get(0));
        if self.destination.is_some() && returns_more {
            let what = if form.is_search() { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = "is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
            return Err(format!("ERR {what} {text}").into());
        }
        if form.is_search() && self.center.is_none() && !names_member {
            return Err(
                format!("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}").into()
            );
        }
        if form.is_search() && self.shape.is_none() {
            return Err(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}").into());
        }
        if self.any && self.count.is_none() {
            return Err(CommandError::fixed("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

/// The position of a member; `None` where even the key is missing.
fn need_member(sorted_set: Option<&SortedSet>, member: &[u8]) -> Result<Option<Point>, CommandError> {
    let Some(sorted_set) = sorted_set else { return Ok(None) };
    let missing = CommandError::fixed("ERR could not decode requested zset member");
    position_of(sorted_set, member).ok_or(missing).map(Some)
}
