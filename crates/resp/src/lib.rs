//! RESP2 and RESP3 bytes: decoding of requests, encoding of replies. No sockets, no commands.
