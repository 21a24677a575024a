//! Any bytes as a RESP client's input, whole and in pieces, before and after it has authenticated: commands or
//! an error, the same both ways; and what was decoded, sent again as arrays of bulk strings, decodes to itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_resp::{Commands, Decoder, Limits, ProtocolError};
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;

type Words = Vec<Vec<u8>>;

fuzz_target!(|input: (u16, bool, Option<u8>, &[u8])| {
    let (piece_size, authenticated, large, bytes) = input;
    let limits = Limits { authenticated, ..Limits::default() };
    // A fuzzer writes no strings long enough to be shared: one is put behind the rest.
    let mut stream = bytes.to_vec();
    if let Some(excess) = large {
        let value = vec![excess; SHARED_SIZE_BYTES_MIN + usize::from(excess)];
        stream.extend_from_slice(&encoded(&[vec![b"SET".to_vec(), bytes.to_vec(), value]]));
    }
    // So many pieces that a run stays short.
    let piece_size = usize::from(piece_size).max(stream.len() / 256 + 1);
    let whole = decode(&stream, usize::MAX, usize::MAX, limits);
    let pieces = decode(&stream, piece_size, 3, limits);
    assert_eq!(whole, pieces);

    let (commands, _) = whole;
    let again = decode(&encoded(&commands), piece_size, usize::MAX, Limits::default());
    assert_eq!(again, (commands, None));
});

/// All commands, and the error behind them; at most `count_max` are taken at a time.
fn decode(
    stream: &[u8],
    piece_size: usize,
    count_max: usize,
    limits: Limits,
) -> (Vec<Words>, Option<ProtocolError>) {
    let (mut decoder, mut buffer, mut all) = (Decoder::default(), Vec::new(), Vec::new());
    for piece in stream.chunks(piece_size) {
        buffer.extend_from_slice(piece);
        loop {
            let mut commands = Commands::default();
            let (consumed, result) = decoder.decode(&buffer, &mut commands, count_max, limits);
            for index in 0..commands.len() {
                all.push(commands.args(index, &buffer).iter().map(<[u8]>::to_vec).collect());
            }
            buffer.drain(..consumed);
            if let Err(error) = result {
                return (all, Some(error));
            }
            if commands.len() < count_max {
                break;
            }
        }
    }
    (all, None)
}

fn encoded(commands: &[Words]) -> Vec<u8> {
    let mut stream = Vec::new();
    for words in commands {
        stream.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            stream.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            stream.extend_from_slice(word);
            stream.extend_from_slice(b"\r\n");
        }
    }
    stream
}
