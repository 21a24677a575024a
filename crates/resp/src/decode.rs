//! Requests: multibulk arrays and inline lines, as they arrive in pieces.
//!
//! ```text
//! *2 CRLF $3 CRLF GET CRLF $3 CRLF key CRLF
//! ```
//! Arguments are [`Span`]s of the connection's input buffer, so that a loop can decode several connections
//! before it enters the engine. Strings of `SHARED_SIZE_BYTES_MIN` and more are moved into shared buffers
//! while they arrive.

use crate::inline::split_words;
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::ops::Range;
use warren_units::bounds::{
    BULK_SIZE_BYTES_MAX, INLINE_SIZE_BYTES_MAX, MULTIBULK_COUNT_MAX, SHARED_SIZE_BYTES_MIN,
};

/// Where one argument is: in the input buffer, or among the batch's shared buffers.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: u32,
    /// Size in bytes, or `SHARED` where `start` is an index into the shared buffers.
    size: u32,
}

const SHARED: u32 = u32::MAX;

/// Once this much of an announced string has arrived, memory is reserved for all of it.
const TRUST_SIZE_BYTES: usize = 1024 * 1024;

/// What one call of [`Decoder::decode`] found: whole commands, in order.
#[derive(Default, Debug)]
pub struct Commands {
    spans: Vec<Span>,
    shared: Vec<Bytes>,
    /// (first span, count) of each command.
    commands: Vec<(u32, u32)>,
}

impl Commands {
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Bytes in the shared buffers.
    pub fn shared_size(&self) -> usize {
        self.shared.iter().map(Bytes::len).sum()
    }

    /// Forgets all commands and keeps a bounded amount of memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.shared.clear();
        self.spans.clear();
        self.spans.shrink_to(4096);
    }

    /// The arguments of command `index`; `input` is the buffer it was decoded from.
    #[inline]
    pub fn args<'a>(&'a self, index: usize, input: &'a [u8]) -> Args<'a> {
        let (first, count) = self.commands[index];
        Args { input, spans: &self.spans[first as usize..(first + count) as usize], shared: &self.shared }
    }

    /// Several commands in order, as [`Commands::args`] answers each.
    #[inline]
    pub fn range<'a>(&'a self, range: Range<usize>, input: &'a [u8]) -> impl Iterator<Item = Args<'a>> {
        range.map(move |index| self.args(index, input))
    }

    fn push_shared(&mut self, bytes: Bytes) {
        self.spans.push(Span { start: self.shared.len() as u32, size: SHARED });
        self.shared.push(bytes);
    }
}

/// The arguments of one command, its name first.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    input: &'a [u8],
    spans: &'a [Span],
    shared: &'a [Bytes],
}

impl<'a> Args<'a> {
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// # Panics
    /// If there is no argument `index`: the command table checks counts before a handler runs.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        if span.size == SHARED {
            return &self.shared[span.start as usize];
        }
        &self.input[span.start as usize..span.start as usize + span.size as usize]
    }

    /// The argument's shared buffer, if it is large enough to have one.
    #[inline]
    pub fn shared(&self, index: usize) -> Option<&'a Bytes> {
        let span = self.spans[index];
        if span.size == SHARED { Some(&self.shared[span.start as usize]) } else { None }
    }

    /// The argument as a buffer of its own: by reference where it is shared, by copy where not.
    pub fn to_bytes(&self, index: usize) -> Bytes {
        self.shared(index).cloned().unwrap_or_else(|| Bytes::copy_from_slice(self.get(index)))
    }

    /// The arguments from `first` on.
    pub fn from(&self, first: usize) -> Args<'a> {
        Args { spans: &self.spans[first.min(self.spans.len())..], ..*self }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        let args = *self;
        (0..self.spans.len()).map(move |index| args.get(index))
    }

    /// Size in bytes of all arguments.
    pub fn size(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// A copy that outlives the input buffer, for MULTI.
    pub fn to_owned(&self) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        for index in 0..self.len() {
            match self.shared(index) {
                Some(bytes) => owned.push_shared(bytes.clone()),
                None => owned.push(self.get(index)),
            }
        }
        owned
    }
}

/// Arguments in memory of their own: queued by MULTI, or made by the server itself.
#[derive(Default, Clone, Debug)]
pub struct OwnedArgs {
    input: Vec<u8>,
    spans: Vec<Span>,
    shared: Vec<Bytes>,
}

impl OwnedArgs {
    pub fn of(words: &[&[u8]]) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        words.iter().for_each(|word| owned.push(word));
        owned
    }

    pub fn push(&mut self, word: &[u8]) {
        self.spans.push(Span { start: self.input.len() as u32, size: word.len() as u32 });
        self.input.extend_from_slice(word);
    }

    pub fn push_shared(&mut self, bytes: Bytes) {
        self.spans.push(Span { start: self.shared.len() as u32, size: SHARED });
        self.shared.push(bytes);
    }

    pub fn args(&self) -> Args<'_> {
        Args { input: &self.input, spans: &self.spans, shared: &self.shared }
    }

    /// Size in bytes of all arguments.
    pub fn size(&self) -> usize {
        self.input.len() + self.shared.iter().map(Bytes::len).sum::<usize>()
    }
}

/// A request that is not RESP. The connection gets the text as an error and is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolError {
    InvalidMultibulkLength,
    InvalidBulkLength,
    ExpectedDollar(u8),
    InlineTooBig,
    MultibulkCountTooBig,
    BulkCountTooBig,
    UnbalancedQuotes,
    UnauthenticatedMultibulk,
    UnauthenticatedBulk,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::ExpectedDollar(got) => {
                return write!(formatter, "Protocol error: expected '$', got '{}'", *got as char);
            }
            ProtocolError::InlineTooBig => "too big inline request",
            ProtocolError::MultibulkCountTooBig => "too big mbulk count string",
            ProtocolError::BulkCountTooBig => "too big bulk count string",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::UnauthenticatedMultibulk => "unauthenticated multibulk length",
            ProtocolError::UnauthenticatedBulk => "unauthenticated bulk length",
        };
        write!(formatter, "Protocol error: {text}")
    }
}

/// Limits that depend on the connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`.
    pub bulk_size_bytes_max: usize,
    /// False until the client has authenticated: only short requests are taken then.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bulk_size_bytes_max: BULK_SIZE_BYTES_MAX, authenticated: true }
    }
}

/// The state of one connection's request stream between reads.
#[derive(Default, Debug)]
pub struct Decoder {
    /// Arguments of the command in the making that are still to come.
    arguments_left: usize,
    /// Size of the bulk string being read.
    bulk_size: Option<usize>,
    /// Where scanning goes on, relative to the first byte not consumed.
    position: usize,
    /// Arguments found so far, spans relative to the first byte not consumed.
    found: Vec<Span>,
    found_shared: Vec<Bytes>,
    /// A large bulk string on its way.
    large: Option<(BytesMut, usize)>,
}

enum Step {
    Continue,
    NeedMore,
    Complete,
}

impl Decoder {
    /// Reads commands from `input` (all bytes not consumed so far) into `commands`, at most until
    /// `commands` holds `command_count_max`. Answers how many bytes are used up *after* the commands have
    /// been executed: their spans point into `input`.
    ///
    /// # Errors
    /// A [`ProtocolError`]; the commands found before it are valid and to be executed.
    pub fn decode(
        &mut self,
        input: &[u8],
        commands: &mut Commands,
        command_count_max: usize,
        limits: Limits,
    ) -> (usize, Result<(), ProtocolError>) {
        let mut consumed = 0;
        while commands.len() < command_count_max {
            if self.is_between_commands()
                && let Some(end) = read_whole(input, consumed, commands, limits)
            {
                consumed = end;
                continue;
            }
            match self.decode_command(input, &mut consumed, commands, limits) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (consumed, Err(error)),
            }
        }
        (consumed, Ok(()))
    }

    /// How many bytes the bulk string on its way still lacks: a hint for the next read.
    pub fn missing_bytes(&self) -> usize {
        self.large.as_ref().map_or(0, |(buffer, size)| size + 2 - buffer.len())
    }

    /// How much of the bulk string on its way has arrived; 0 if none is.
    pub fn arrived_bytes(&self) -> usize {
        self.large.as_ref().map_or(0, |(buffer, _)| buffer.len())
    }

    #[inline]
    fn is_between_commands(&self) -> bool {
        self.arguments_left == 0 && self.large.is_none()
    }

    fn decode_command(
        &mut self,
        input: &[u8],
        consumed: &mut usize,
        commands: &mut Commands,
        limits: Limits,
    ) -> Result<bool, ProtocolError> {
        loop {
            if self.large.is_some() {
                if !self.fill_large(input, consumed)? {
                    return Ok(false);
                }
            } else if self.arguments_left == 0 {
                match self.read_start(input, consumed, commands, limits)? {
                    Step::NeedMore => return Ok(false),
                    Step::Complete => return Ok(true),
                    Step::Continue => {}
                }
            } else if !self.read_argument(input, *consumed, limits)? {
                if self.large.is_some() {
                    continue;
                }
                return Ok(false);
            }
            if self.arguments_left == 0 && !self.found.is_empty() {
                self.complete(consumed, commands);
                return Ok(true);
            }
        }
    }

    /// Reads `*count` or a whole inline line.
    fn read_start(
        &mut self,
        input: &[u8],
        consumed: &mut usize,
        commands: &mut Commands,
        limits: Limits,
    ) -> Result<Step, ProtocolError> {
        let rest = &input[*consumed..];
        let Some(first) = rest.first() else { return Ok(Step::NeedMore) };
        if *first != b'*' {
            return self.read_inline(rest, consumed, commands);
        }
        let Some(line) = line_at(rest, 1, ProtocolError::MultibulkCountTooBig)? else {
            return Ok(Step::NeedMore);
        };
        let count = parse_length(line).filter(|count| *count <= MULTIBULK_COUNT_MAX);
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
        if count > 10 && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulk);
        }
        let used = 1 + line.len() + 2;
        if count <= 0 {
            *consumed += used;
            return Ok(Step::Continue);
        }
        self.arguments_left = count as usize;
        self.position = used;
        Ok(Step::Continue)
    }

    fn read_inline(
        &mut self,
        rest: &[u8],
        consumed: &mut usize,
        commands: &mut Commands,
    ) -> Result<Step, ProtocolError> {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            if rest.len() > INLINE_SIZE_BYTES_MAX {
                return Err(ProtocolError::InlineTooBig);
            }
            return Ok(Step::NeedMore);
        };
        if end > INLINE_SIZE_BYTES_MAX {
            return Err(ProtocolError::InlineTooBig);
        }
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let words = split_words(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        *consumed += end + 1;
        if words.is_empty() {
            return Ok(Step::Continue);
        }
        let first = commands.spans.len() as u32;
        let count = words.len() as u32;
        words.into_iter().for_each(|word| commands.push_shared(Bytes::from(word)));
        commands.commands.push((first, count));
        Ok(Step::Complete)
    }

    /// Reads one `$size CRLF bytes CRLF`; false where bytes are missing or the string turned out large.
    #[inline]
    fn read_argument(
        &mut self,
        input: &[u8],
        consumed: usize,
        limits: Limits,
    ) -> Result<bool, ProtocolError> {
        let rest = &input[consumed..];
        let size = match self.bulk_size {
            Some(size) => size,
            None => {
                let Some(size) = self.read_bulk_size(rest, limits)? else { return Ok(false) };
                size
            }
        };
        if size >= SHARED_SIZE_BYTES_MIN {
            self.large = Some((BytesMut::new(), size));
            self.bulk_size = None;
            return Ok(false);
        }
        if rest.len() < self.position + size + 2 {
            self.bulk_size = Some(size);
            return Ok(false);
        }
        self.bulk_size = None;
        self.found.push(Span { start: self.position as u32, size: size as u32 });
        self.position += size + 2;
        self.arguments_left -= 1;
        Ok(true)
    }

    #[inline]
    fn read_bulk_size(&mut self, rest: &[u8], limits: Limits) -> Result<Option<usize>, ProtocolError> {
        let Some(marker) = rest.get(self.position) else { return Ok(None) };
        if *marker != b'$' {
            return Err(ProtocolError::ExpectedDollar(*marker));
        }
        let Some(line) = line_at(rest, self.position + 1, ProtocolError::BulkCountTooBig)? else {
            return Ok(None);
        };
        let size = parse_length(line).and_then(|size| usize::try_from(size).ok());
        let size = size.filter(|size| *size <= limits.bulk_size_bytes_max);
        let size = size.ok_or(ProtocolError::InvalidBulkLength)?;
        if size > 16384 && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        self.position += 1 + line.len() + 2;
        Ok(Some(size))
    }

    /// Moves what has arrived of a large string out of the input. Memory grows as bytes really come, and all at
    /// once when much has come: growing further would move it again and again.
    fn fill_large(&mut self, input: &[u8], consumed: &mut usize) -> Result<bool, ProtocolError> {
        self.own_found(&input[*consumed..]);
        *consumed += self.position;
        self.position = 0;
        let (buffer, size) = self.large.as_mut().expect("a large string is on its way");
        let missing = *size + 2 - buffer.len();
        let rest = &input[*consumed..];
        let arrived = &rest[..rest.len().min(missing)];
        if buffer.capacity() - buffer.len() < arrived.len() {
            let trusted = if buffer.len() >= TRUST_SIZE_BYTES { missing } else { buffer.len() };
            buffer.reserve(missing.min(arrived.len().max(trusted).max(SHARED_SIZE_BYTES_MIN)));
        }
        buffer.extend_from_slice(arrived);
        *consumed += arrived.len();
        if arrived.len() < missing {
            return Ok(false);
        }
        let (mut buffer, size) = self.large.take().expect("a large string is on its way");
        buffer.truncate(size);
        self.push_found_shared(buffer.freeze());
        self.arguments_left -= 1;
        Ok(true)
    }

    /// Copies the arguments found so far out of the input, so that it can be consumed within a command.
    fn own_found(&mut self, rest: &[u8]) {
        for index in 0..self.found.len() {
            let span = self.found[index];
            if span.size != SHARED {
                let word = &rest[span.start as usize..(span.start + span.size) as usize];
                self.found[index] = Span { start: self.found_shared.len() as u32, size: SHARED };
                self.found_shared.push(Bytes::copy_from_slice(word));
            }
        }
    }

    fn push_found_shared(&mut self, bytes: Bytes) {
        self.found.push(Span { start: self.found_shared.len() as u32, size: SHARED });
        self.found_shared.push(bytes);
    }

    #[inline]
    fn complete(&mut self, consumed: &mut usize, commands: &mut Commands) {
        let first = commands.spans.len() as u32;
        let (base, shared_base) = (*consumed as u32, commands.shared.len() as u32);
        commands.spans.extend(self.found.iter().map(|span| {
            let base = if span.size == SHARED { shared_base } else { base };
            Span { start: span.start + base, size: span.size }
        }));
        commands.shared.append(&mut self.found_shared);
        commands.commands.push((first, self.found.len() as u32));
        self.found.clear();
        *consumed += self.position;
        self.position = 0;
    }
}

/// Reads a command of short strings that has arrived whole, which nearly all do, straight into `commands`,
/// and answers where it ends. `None`, and nothing changed, for everything else and everything malformed: that
/// is for the careful path.
#[inline]
fn read_whole(input: &[u8], start: usize, commands: &mut Commands, limits: Limits) -> Option<usize> {
    let (count, mut position) = read_short_length(input, start, b'*')?;
    if count == 0 || (count > 10 && !limits.authenticated) {
        return None;
    }
    let first = commands.spans.len();
    for _ in 0..count {
        let argument = read_short_length(input, position, b'$')
            .filter(|(size, start)| *size <= limits.bulk_size_bytes_max && start + size + 2 <= input.len());
        let Some((size, start)) = argument else {
            commands.spans.truncate(first);
            return None;
        };
        commands.spans.push(Span { start: start as u32, size: size as u32 });
        position = start + size + 2;
    }
    commands.commands.push((first as u32, count as u32));
    Some(position)
}

/// Reads a marker, up to three digits and CRLF; answers the number and where the line after it begins.
#[inline]
fn read_short_length(input: &[u8], start: usize, marker: u8) -> Option<(usize, usize)> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    match *input.get(start..)? {
        [found, one, b'\r', b'\n', ..] if found == marker => Some((digit(one)?, start + 4)),
        [found, ten @ b'1'..=b'9', one, b'\r', b'\n', ..] if found == marker => {
            Some((digit(ten)? * 10 + digit(one)?, start + 5))
        }
        [found, hundred @ b'1'..=b'9', ten, one, b'\r', b'\n', ..] if found == marker => {
            Some((digit(hundred)? * 100 + digit(ten)? * 10 + digit(one)?, start + 6))
        }
        _ => None,
    }
}

/// The line that starts at `start`, without its CRLF; `None` while its end is missing.
#[inline]
fn line_at(input: &[u8], start: usize, too_long: ProtocolError) -> Result<Option<&[u8]>, ProtocolError> {
    let rest = input.get(start..).unwrap_or_default();
    // Nearly every length line has one to three digits.
    for end in 1..rest.len().min(5) {
        if rest[end] == b'\r' {
            return Ok((rest.len() > end + 1).then(|| &rest[..end]));
        }
    }
    match memchr::memchr(b'\r', rest) {
        Some(end) if end > INLINE_SIZE_BYTES_MAX => Err(too_long),
        Some(end) => Ok((rest.len() > end + 1).then(|| &rest[..end])),
        None if rest.len() > INLINE_SIZE_BYTES_MAX => Err(too_long),
        None => Ok(None),
    }
}

/// A decimal number as Redis reads lengths: an optional minus, no plus, no blanks, no leading zeros.
#[inline]
fn parse_length(line: &[u8]) -> Option<i64> {
    let (negative, digits) = match line {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Words = Vec<Vec<u8>>;

    /// Feeds `stream` in pieces of the given sizes and answers the commands and the error, if any.
    fn decode_in_pieces(
        stream: &[u8],
        mut sizes: impl Iterator<Item = usize>,
    ) -> (Vec<Words>, Option<ProtocolError>) {
        let (mut decoder, mut input, mut rest) = (Decoder::default(), Vec::new(), stream);
        let mut all = Vec::new();
        loop {
            let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
            input.extend_from_slice(&rest[..size]);
            rest = &rest[size..];
            let mut commands = Commands::default();
            let (consumed, result) = decoder.decode(&input, &mut commands, usize::MAX, Limits::default());
            for index in 0..commands.len() {
                all.push(commands.args(index, &input).iter().map(<[u8]>::to_vec).collect());
            }
            input.drain(..consumed);
            if let Err(error) = result {
                return (all, Some(error));
            }
            if rest.is_empty() {
                return (all, None);
            }
        }
    }

    fn encode(commands: &[Words]) -> Vec<u8> {
        let mut stream = Vec::new();
        for command in commands {
            stream.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
            for word in command {
                stream.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                stream.extend_from_slice(word);
                stream.extend_from_slice(b"\r\n");
            }
        }
        stream
    }

    #[test]
    fn malformed_requests_get_redis_texts() {
        let cases: &[(&[u8], &str)] = &[
            (b"*x\r\n", "Protocol error: invalid multibulk length"),
            (b"*3000000000\r\n", "Protocol error: invalid multibulk length"),
            (b"*1\r\n$-5\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\n$2000000000\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\n$x\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\nPING\r\n", "Protocol error: expected '$', got 'P'"),
            (b"set \"a\r\n", "Protocol error: unbalanced quotes in request"),
            (&[b'a'; 70_000], "Protocol error: too big inline request"),
        ];
        for (stream, text) in cases {
            let (_, error) = decode_in_pieces(stream, std::iter::empty());
            assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(*text));
        }
        let long_count = [b"*".to_vec(), vec![b'1'; 70_000]].concat();
        assert_eq!(
            decode_in_pieces(&long_count, std::iter::empty()).1,
            Some(ProtocolError::MultibulkCountTooBig)
        );
    }

    #[test]
    fn whole_commands_are_read_as_those_in_pieces_are() {
        let sizes = [0, 1, 9, 10, 42, 99, 100, 640, 999, 1000];
        let commands: Vec<Words> =
            sizes.iter().map(|size| vec![b"SET".to_vec(), vec![b'x'; *size]]).collect();
        let mut streams = vec![encode(&commands), encode(&[vec![b"MSET".to_vec(); 12]])];
        let odd = [
            "*02\r\n$3\r\nGET\r\n$1\r\na\r\n",
            "*2\r\n$03\r\nGET\r\n$1\r\na\r\n",
            "*1\r\n$4\r\nPING\r\n*1\r\n$-1\r\n",
            "*1\r\n!4\r\nPING\r\n",
            "*0\r\n*1\r\n$4\r\nPING\r\n",
            "*1\r\n$1x\r\na\r\n",
            "*1\r\r$4\r\rPING\r\r",
        ];
        streams.extend(odd.iter().map(|stream| stream.as_bytes().to_vec()));
        for stream in streams {
            let whole = decode_in_pieces(&stream, std::iter::empty());
            assert_eq!(whole, decode_in_pieces(&stream, std::iter::repeat(1)));
            assert!(!whole.0.is_empty() || whole.1.is_some());
        }
    }

    #[test]
    fn empty_and_inline_requests() {
        let (commands, error) =
            decode_in_pieces(b"*0\r\n*-1\r\n\r\nPING\r\nset a \"b c\"\n", std::iter::empty());
        assert_eq!(error, None);
        assert_eq!(commands, [vec![b"PING".to_vec()], vec![b"set".to_vec(), b"a".to_vec(), b"b c".to_vec()]]);
    }

    #[test]
    fn unauthenticated_clients_send_only_short_requests() {
        let limits = Limits { authenticated: false, ..Limits::default() };
        for (stream, expected) in [
            (&b"*11\r\n"[..], ProtocolError::UnauthenticatedMultibulk),
            (&b"*1\r\n$16385\r\n"[..], ProtocolError::UnauthenticatedBulk),
        ] {
            let (_, result) = Decoder::default().decode(stream, &mut Commands::default(), usize::MAX, limits);
            assert_eq!(result, Err(expected));
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            commands in prop::collection::vec(
                prop::collection::vec(
                    prop_oneof![
                        9 => prop::collection::vec(any::<u8>(), 0..20),
                        1 => (SHARED_SIZE_BYTES_MIN - 1..40_000usize).prop_map(|size| vec![b'v'; size]),
                    ],
                    1..5,
                ),
                0..6,
            ),
            sizes in prop::collection::vec(1..9000usize, 0..60),
        ) {
            let stream = encode(&commands);
            let (decoded, error) = decode_in_pieces(&stream, sizes.into_iter());
            prop_assert_eq!(error, None);
            prop_assert_eq!(decoded, commands);
        }

        #[test]
        fn any_bytes_are_taken(stream in prop::collection::vec(any::<u8>(), 0..300), size in 1..50usize) {
            decode_in_pieces(&stream, std::iter::repeat_n(size, 400));
        }
    }
}
