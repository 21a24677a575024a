//! What a method is: a struct of borrowed fields with its ids, and how the table of all of them (`methods`)
//! becomes one enum that is decoded and encoded. Knows no single method.

use crate::error::ConnectionError;
use crate::reply_code::ReplyCode;
use crate::wire::FieldError;

/// Class and method id, as frames and closes carry them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodId {
    pub class: u16,
    pub method: u16,
}

impl MethodId {
    /// The ids in front of a method frame's payload, and the fields behind them.
    #[inline]
    pub fn split(payload: &[u8]) -> Option<(MethodId, &[u8])> {
        let (ids, fields) = payload.split_first_chunk::<4>()?;
        let class = u16::from_be_bytes([ids[0], ids[1]]);
        Some((MethodId { class, method: u16::from_be_bytes([ids[2], ids[3]]) }, fields))
    }

    #[cold]
    pub(crate) fn unknown(self) -> ConnectionError {
        let text = format!("unknown method {{{},{}}}", self.class, self.method);
        ConnectionError::new(ReplyCode::CommandInvalid, text).blame(self.class, self.method)
    }

    #[cold]
    pub(crate) fn refuse(self, fields: &[u8], error: FieldError) -> ConnectionError {
        let refusal = match error {
            FieldError::Size => ConnectionError::cannot_decode(fields),
            FieldError::Utf8 => ConnectionError::new(ReplyCode::FrameError, "Malformed UTF-8 in shortstr"),
            FieldError::Table(error) => ConnectionError::new(ReplyCode::SyntaxError, error.to_string()),
        };
        refusal.blame(self.class, self.method)
    }
}

/// One method's place in the protocol.
pub trait MethodRow {
    const ID: MethodId;
    /// As error texts show it: `basic.publish`.
    const NAME: &'static str;
    /// True where a content header follows the method.
    const HAS_CONTENT: bool;
}

/// Makes structs and the enum `Method` from rows
/// `class method "name" [+ content] Struct['a] { field: domain, ... }`.
macro_rules! methods {
    ($(
        $class:literal $id:literal $name:literal $(+ $content:ident)? $method:ident $(<$life:lifetime>)?
        { $($field:ident: $domain:ty),* $(,)? }
    )*) => {
        $(
            #[doc = concat!(
                "`", $name, "`, class ", $class, ", method ", $id,
                ": <https://www.rabbitmq.com/amqp-0-9-1-reference#", $name, ">"
            )]
            #[derive(Clone, Copy, Debug, Default, PartialEq)]
            pub struct $method $(<$life>)? {
                $(pub $field: $domain,)*
            }

            impl $(<$life>)? MethodRow for $method $(<$life>)? {
                const ID: MethodId = MethodId { class: $class, method: $id };
                const NAME: &'static str = $name;
                const HAS_CONTENT: bool = methods!(@has_content $($content)?);
            }

            impl<'a> From<methods!(@with $method $($life)?)> for Method<'a> {
                #[inline]
                fn from(method: methods!(@with $method $($life)?)) -> Method<'a> {
                    Method::$method(method)
                }
            }
        )*

        /// Any method, its strings and tables borrowed from the frame it came in.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Method<'a> {
            $($method(methods!(@with $method $($life)?)),)*
        }

        impl<'a> Method<'a> {
            /// Reads the payload of a method frame.
            #[inline]
            pub fn decode(payload: &'a [u8]) -> Result<Method<'a>, ConnectionError> {
                let (id, fields) =
                    MethodId::split(payload).ok_or_else(|| ConnectionError::cannot_decode(payload))?;
                match (id.class, id.method) {
                    $(($class, $id) => {
                        let decoded = (|reader: &mut Reader<'a>| {
                            $(let $field = <$domain>::read(reader)?;)*
                            if reader.is_empty() { Ok($method { $($field),* }) } else { Err(FieldError::Size) }
                        })(&mut Reader::new(fields, !<$method>::HAS_CONTENT));
                        decoded.map(Method::$method).map_err(|error| id.refuse(fields, error))
                    })*
                    _ => Err(id.unknown()),
                }
            }

            /// Appends the payload of a method frame.
            #[inline]
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Method::$method($method { $($field),* }) => {
                        let mut writer = Writer::new(out);
                        writer.put(&[
                            ($class as u16).to_be_bytes()[0], ($class as u16).to_be_bytes()[1],
                            ($id as u16).to_be_bytes()[0], ($id as u16).to_be_bytes()[1],
                        ]);
                        $($field.write(&mut writer);)*
                    })*
                }
            }

            /// One of each method, in the order of the table.
            #[cfg(test)]
            pub(crate) fn one_of_each(source: &mut crate::wire::tests::Source<'a>) -> Vec<Method<'a>> {
                vec![$(Method::$method($method { $($field: source.next::<$domain>()),* })),*]
            }

            pub fn id(&self) -> MethodId {
                match self {
                    $(Method::$method(_) => <$method>::ID,)*
                }
            }

            pub fn name(&self) -> &'static str {
                match self {
                    $(Method::$method(_) => <$method>::NAME,)*
                }
            }
        }

        impl MethodId {
            /// Every method, in the order of the table.
            pub const ALL: &'static [MethodId] = &[$(MethodId { class: $class, method: $id }),*];

            /// True where a content header follows the method; `None` for an unknown method.
            #[inline]
            pub fn has_content(self) -> Option<bool> {
                match (self.class, self.method) {
                    $(($class, $id) => Some(<$method>::HAS_CONTENT),)*
                    _ => None,
                }
            }
        }
    };
    (@has_content content) => { true };
    (@has_content) => { false };
    (@with $method:ident $life:lifetime) => { $method<'a> };
    (@with $method:ident) => { $method };
}

pub(crate) use methods;
