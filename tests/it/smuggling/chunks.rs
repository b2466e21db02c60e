//! Chunks whose size, extension, end or trailer two programs could see differently.

use super::corpus::{Corpus, Pieces, chunk, joined, shown};

/// How the size of a chunk is written, its line end included; `S` is the true size.
const SIZES: [&[u8]; 66] = [
    b"S\r\n",
    b"0S\r\n",
    b"00000000000000000000S\r\n",
    b"0xS\r\n",
    b"0XS\r\n",
    b"xS\r\n",
    b"+S\r\n",
    b"-S\r\n",
    b" S\r\n",
    b"\tS\r\n",
    b"\x0bS\r\n",
    b"\x00S\r\n",
    b"S \r\n",
    b"S\t\r\n",
    b"S\x00\r\n",
    b"S\x0b\r\n",
    b"S;\r\n",
    b"S;a\r\n",
    b"S;a=b\r\n",
    b"S;a=\"b\"\r\n",
    b"S; a = b\r\n",
    b"S ;a\r\n",
    b"S ; a\r\n",
    b"S;a=\"\r\n\"\r\n",
    b"S;a=\"\n\"\r\n",
    b"S;a=\"b\r\n",
    b"S;;\r\n",
    b"S;\x00\r\n",
    b"S;\x7f\r\n",
    b"S;\xff\r\n",
    b"S;a\n",
    b"S;\n",
    b"S;a\r",
    b"S;a\rX\r\n",
    b"S;a\r\r\n",
    b"S;a\nb\r\n",
    b"S,0\r\n",
    b"S.0\r\n",
    b"S 0\r\n",
    b"S:\r\n",
    b"Sh\r\n",
    b"Sg\r\n",
    b"S_0\r\n",
    b"0_S\r\n",
    b"\"S\"\r\n",
    b"S\n",
    b"S\r",
    b"S\r\r\n",
    b"S\n\r\n",
    b"S\rX",
    b"\r\nS\r\n",
    b"\nS\r\n",
    b"\r\n",
    b"",
    b"FS\r\n",
    b"ffffffff0000000S\r\n",
    b"1000000000000000S\r\n",
    b"10000000000000000S\r\n",
    b"FFFFFFFFFFFFFFFFS\r\n",
    b"FFFFFFFFFFFFFFFF\r\n",
    b"7FFFFFFFFFFFFFFF\r\n",
    b"8000000000000000\r\n",
    b"FFFFFFFF\r\n",
    b"100000000\r\n",
    b"-1\r\n",
    b"G\r\n",
];

/// What stands behind the data of a chunk instead of its line end.
const ENDS: [&[u8]; 22] = [
    b"",
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b"\r\n\n",
    b"X",
    b"XX",
    b"X\r\n",
    b"XX\r\n",
    b"\rX",
    b"\nX",
    b" \r\n",
    b"\t\r\n",
    b";\r\n",
    b"\x00\r\n",
    b"\r\x00\n",
    b"0\r\n",
    b"\n\r\n",
    b"\n\r",
    b"\r\n ",
];

/// The last chunk and its trailers; what is hidden follows.
const LASTS: [&[u8]; 54] = [
    b"0\r\n\r\n",
    b"00\r\n\r\n",
    b"00000000000000000000\r\n\r\n",
    b"0;\r\n\r\n",
    b"0;a=b\r\n\r\n",
    b"0 \r\n\r\n",
    b"0\t\r\n\r\n",
    b" 0\r\n\r\n",
    b"0x0\r\n\r\n",
    b"+0\r\n\r\n",
    b"-0\r\n\r\n",
    b"0h\r\n\r\n",
    b"0.0\r\n\r\n",
    b"0\n\n",
    b"0\n\r\n",
    b"0\r\n\n",
    b"0\r\r",
    b"0\r\r\n",
    b"0\r\n\r",
    b"0\r\n\rX",
    b"0\r\n",
    b"0\r\nX",
    b"0\r\nXX",
    b"0\n",
    b"0",
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"0\r\nX: Y\r\n\r\n",
    b"0\r\nX: Y\n\r\n",
    b"0\r\nX: Y\r\n\n",
    b"0\r\nX: Y\r\r\n\r\n",
    b"0\r\nX : Y\r\n\r\n",
    b"0\r\n X: Y\r\n\r\n",
    b"0\r\nX: Y\r\n Z\r\n\r\n",
    b"0\r\nX\r\n\r\n",
    b"0\r\n: Y\r\n\r\n",
    b"0\r\nX: \x00\r\n\r\n",
    b"0\r\nX: Y\rZ: A\r\n\r\n",
    b"0\r\nContent-Length: 4\r\n\r\n",
    b"0\r\nContent-Length: 400\r\n\r\n",
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"0\r\nTransfer-Encoding: identity\r\n\r\n",
    b"0\r\nHost: other.test\r\n\r\n",
    b"0\r\nConnection: close\r\n\r\n",
    b"0\r\nAuthorization: Bearer x\r\n\r\n",
    b"0\r\nContent-Type: application/json\r\n\r\n",
    b"0\r\nExpect: 100-continue\r\n\r\n",
    b"0\r\nUpgrade: h2c\r\n\r\n",
    b"0\r\n\r\n0\r\n\r\n",
    b"0\r\n\r\n\r\n\r\n",
    b"0\r\n\r\nX",
    b"0\r\n0\r\n\r\n",
    b"0;a=\"\r\n\r\n\"\r\n\r\n",
];

pub(super) fn add(corpus: &mut Corpus) {
    for size in SIZES {
        // The hidden request once in the chunk that is misread, once behind it.
        corpus.push("chunk size, inside", shown(size), |pieces| {
            let data = joined(&[&pieces.form(), &pieces.hidden()]);
            posted(pieces, &[&sized(size, data.len()), &data, b"\r\n0\r\n\r\n"])
        });
        corpus.push("chunk size, behind", shown(size), |pieces| {
            let data = pieces.form();
            posted(pieces, &[&sized(size, data.len()), &data, b"\r\n0\r\n\r\n", &pieces.hidden()])
        });
        corpus.push("second chunk size", shown(size), |pieces| {
            let data = joined(&[b"x", &pieces.hidden()]);
            let first = chunk(&pieces.form());
            posted(pieces, &[&first, &sized(size, data.len()), &data, b"\r\n0\r\n\r\n"])
        });
    }
    for end in ENDS {
        corpus.push("end of a chunk", shown(end), |pieces| {
            let data = pieces.form();
            let size = format!("{:x}\r\n", data.len());
            posted(pieces, &[size.as_bytes(), &data, end, b"0\r\n\r\n", &pieces.hidden()])
        });
        corpus.push("end of a chunk, hidden inside", shown(end), |pieces| {
            let data = joined(&[&pieces.form(), b"0\r\n\r\n", &pieces.hidden()]);
            let size = format!("{:x}\r\n", data.len());
            posted(pieces, &[size.as_bytes(), &data, end, b"0\r\n\r\n"])
        });
        corpus.push("end of a chunk, counted", shown(end), |pieces| {
            // The end is counted as data, so that the true end comes too late.
            let data = joined(&[&pieces.form(), end]);
            let size = format!("{:x}\r\n", data.len());
            posted(pieces, &[size.as_bytes(), &data, b"0\r\n\r\n", &pieces.hidden()])
        });
    }
    for last in LASTS {
        corpus.push("last chunk", shown(last), |pieces| {
            posted(pieces, &[&chunk(&pieces.form()), last, &pieces.hidden()])
        });
        corpus.push("last chunk alone", shown(last), |pieces| posted(pieces, &[last, &pieces.hidden()]));
    }
    for (name, difference) in [("one less", -1), ("two less", -2), ("one more", 1), ("two more", 2)] {
        corpus.push("a chunk of another length", name, |pieces| {
            let data = pieces.form();
            let size = data.len().checked_add_signed(difference).unwrap();
            let size = format!("{size:x}\r\n");
            posted(pieces, &[size.as_bytes(), &data, b"\r\n0\r\n\r\n", &pieces.hidden()])
        });
    }
}

fn sized(size: &[u8], length: usize) -> Vec<u8> {
    let digits = format!("{length:x}");
    let pieces =
        size.iter().map(|byte| if *byte == b'S' { digits.as_bytes() } else { std::slice::from_ref(byte) });
    pieces.collect::<Vec<_>>().concat()
}

fn posted(pieces: Pieces, body: &[&[u8]]) -> Vec<u8> {
    joined(&[&pieces.post(), b"Transfer-Encoding: chunked\r\n\r\n", &body.concat()])
}
