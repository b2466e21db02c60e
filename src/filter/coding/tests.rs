//! Bodies of every coding: whole, in pieces, cut, damaged, with something behind their end, and far too dense.

use super::{Coding, Decoder, Encoder};
use crate::domain::dialect::{ContentCoding, DecodingLimits};
use crate::filter::testing::pieces;
use crate::filter::{FilterError, Violation};
use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

const MEGABYTE: usize = 1 << 20;

/// What comes of these pieces.
fn decoded<'a>(
    coding: Coding,
    limits: DecodingLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, FilterError> {
    let mut decoder = Decoder::new(coding, limits).unwrap();
    let mut out = Vec::new();
    for mut piece in pieces {
        while decoder.can_step(piece) {
            out.extend_from_slice(decoder.step(&mut piece)?);
        }
    }
    decoder.finish().map(|()| out)
}

fn whole(coding: Coding, body: &[u8]) -> Result<Vec<u8>, FilterError> {
    decoded(coding, DecodingLimits::default(), [body])
}

fn kind(result: &Result<Vec<u8>, FilterError>) -> Option<Violation> {
    match result {
        Err(FilterError::Invalid(violation, _)) => Some(*violation),
        Err(FilterError::Refused) => panic!("no coding says that"),
        Ok(_) => None,
    }
}

fn encoded(coding: ContentCoding, text: &[u8]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
    encoder.push(text, &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    out
}

fn deflated(text: &[u8], zlib: bool) -> Vec<u8> {
    let mut stream = Compress::new(Compression::default(), zlib);
    let mut out = Vec::with_capacity(text.len() + 100);
    stream.compress_vec(text, &mut out, FlushCompress::Finish).unwrap();
    out
}

/// A zstd frame of that window with a checksum.
fn zstd(text: &[u8], window_log: u32) -> Vec<u8> {
    let mut context = CCtx::try_create().unwrap();
    context.set_parameter(CParameter::WindowLog(window_log)).unwrap();
    context.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
    let mut block = vec![0; text.len() + 100];
    let mut out = OutBuffer::around(&mut block[..]);
    // Without the length known in advance, the window stands in the head.
    context.compress_stream2(&mut out, &mut InBuffer::around(text), ZSTD_EndDirective::ZSTD_e_flush).unwrap();
    context.compress_stream2(&mut out, &mut InBuffer::around(b""), ZSTD_EndDirective::ZSTD_e_end).unwrap();
    let length = out.pos();
    block.truncate(length);
    block
}

fn text() -> Vec<u8> {
    (0..400).flat_map(|n| format!("{{\"lead_id\":{n},\"country\":\"DE\"}},").into_bytes()).collect()
}

/// The text in every form that is understood, by name.
fn bodies(text: &[u8]) -> Vec<(&'static str, Coding, Vec<u8>)> {
    let gzip = |text| encoded(ContentCoding::Gzip, text);
    let (front, back) = text.split_at(text.len() / 3);
    vec![
        ("gzip", Coding::Gzip, gzip(text)),
        ("gzip in two members", Coding::Gzip, [gzip(front), gzip(back)].concat()),
        ("gzip with an empty member", Coding::Gzip, [gzip(b""), gzip(text), gzip(b"")].concat()),
        ("zlib", Coding::Deflate, deflated(text, true)),
        ("bare deflate", Coding::Deflate, deflated(text, false)),
        ("brotli", Coding::Brotli, encoded(ContentCoding::Brotli, text)),
        ("zstd", Coding::Zstd, encoded(ContentCoding::Zstd, text)),
        ("zstd with a checksum", Coding::Zstd, zstd(text, 20)),
        ("zstd in two frames", Coding::Zstd, [zstd(front, 10), zstd(back, 23)].concat()),
        (
            "zstd with a skippable frame",
            Coding::Zstd,
            [b"\x50\x2a\x4d\x18\x02\0\0\0ab", &*zstd(text, 10)].concat(),
        ),
    ]
}

#[test]
fn names_of_codings() {
    #[rustfmt::skip]
    let cases = [
        ("gzip", Some(Coding::Gzip)), ("X-GZip", Some(Coding::Gzip)), ("deflate", Some(Coding::Deflate)), ("br", Some(Coding::Brotli)),
        ("Zstd", Some(Coding::Zstd)), ("identity", None), ("compress", None), ("", None), ("gzip ", None), ("dcb", None),
    ];
    for (name, expected) in cases {
        assert_eq!(Coding::named(name.as_bytes()), expected, "{name}");
    }
}

#[test]
fn every_coding_is_decoded_in_whatever_pieces() {
    let long: Vec<u8> = text().into_iter().cycle().take(300_000).collect();
    for text in [text(), long, b"x".to_vec(), Vec::new()] {
        for (name, coding, body) in bodies(&text) {
            assert_eq!(whole(coding, &body).unwrap(), text, "{name}");
            let by_byte = decoded(coding, DecodingLimits::default(), body.chunks(1));
            assert_eq!(by_byte.unwrap(), text, "{name}, byte by byte");
        }
    }
}

#[test]
fn a_body_that_is_cut_is_no_success() {
    let text = text();
    for (name, coding, body) in bodies(&text) {
        for length in 0..body.len() {
            let result = whole(coding, &body[..length]);
            // Between two members a cut is none; everywhere else it shows.
            let whole_members = name.contains("member") || name.contains("frame");
            if let Ok(part) = result {
                assert!(whole_members && text.starts_with(&part), "{name}: cut at {length}");
                let ends = [0, text.len() / 3, text.len()];
                assert!(ends.contains(&part.len()), "{name}: cut at {length} to {}", part.len());
            } else {
                assert_eq!(kind(&result), Some(Violation::Truncated), "{name}: cut at {length}");
            }
        }
    }
}

#[test]
fn nothing_stands_behind_the_end() {
    for (name, coding, body) in bodies(&text()) {
        for behind in [&b"\0"[..], b"\n", b"]}", b"\x1f", b"\x1f\x8b", b"(\xb5/", b"{\"rows\":[\"s3cr3t\"]}"]
        {
            let longer = [&body, behind].concat();
            assert!(whole(coding, &longer).is_err(), "{name} and {behind:?}");
            let later = decoded(coding, DecodingLimits::default(), [&*body, behind]);
            assert!(later.is_err(), "{name} and then {behind:?}");
        }
    }
}

#[test]
fn damage_is_seen_where_there_is_a_checksum() {
    let text = text();
    for (name, coding, body) in bodies(&text) {
        for at in 0..body.len() {
            for bit in [1, 0x80] {
                let mut damaged = body.clone();
                damaged[at] ^= bit;
                // The rest has no checksum: what matters is that it does not panic.
                let checked =
                    matches!(name, "gzip" | "gzip in two members" | "zlib" | "zstd with a checksum");
                if let Ok(out) = whole(coding, &damaged) {
                    assert!(!checked || out == text, "{name}: damaged at {at}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_of_its_coding_is_refused() {
    let plain = text();
    let gzip = encoded(ContentCoding::Gzip, &plain);
    let zlib = deflated(&plain, true);
    #[rustfmt::skip]
    let cases = [
        ("plain as gzip",       Coding::Gzip,    plain.clone()),
        ("plain as br",         Coding::Brotli,  plain.clone()),
        ("plain as zstd",       Coding::Zstd,    plain.clone()),
        ("plain as deflate",    Coding::Deflate, plain),
        ("gzip as deflate",     Coding::Deflate, gzip.clone()),
        ("zlib as gzip",        Coding::Gzip,    zlib.clone()),
        ("gzip of gzip's tail", Coding::Gzip,    gzip[10..].to_vec()),
        ("two zlib bodies",     Coding::Deflate, [zlib.clone(), zlib].concat()),
        ("a zlib dictionary",   Coding::Deflate, b"\x78\xbb\0\0\0\0\0\0".to_vec()),
        ("a large br window",   Coding::Brotli,  b"\x11\x1e\x03".to_vec()),
        ("a large zstd window", Coding::Zstd,    zstd(b"x", 24)),
        ("a zstd dictionary",   Coding::Zstd,    b"\x28\xb5\x2f\xfd\x21\x01\x01\x09\0\0x".to_vec()),
        ("old zstd",            Coding::Zstd,    b"\x27\xb5\x2f\xfd\0\0\0\0\0\0\0\0".to_vec()),
    ];
    for (name, coding, body) in cases {
        assert_eq!(kind(&whole(coding, &body)), Some(Violation::Coding), "{name}");
    }
}

#[test]
fn a_body_is_decoded_up_to_its_limits() {
    let limits = |max_bytes, max_ratio| DecodingLimits { max_bytes, max_ratio };
    let zeros = vec![0; 2 * MEGABYTE];
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
        let body = |length: usize| match coding {
            Coding::Gzip => encoded(ContentCoding::Gzip, &zeros[..length]),
            Coding::Deflate => deflated(&zeros[..length], true),
            Coding::Brotli => encoded(ContentCoding::Brotli, &zeros[..length]),
            Coding::Zstd => encoded(ContentCoding::Zstd, &zeros[..length]),
        };
        #[rustfmt::skip]
        let cases = [
            // length          limits                      passes
            (1_000,            limits(1_000, u32::MAX),    true),
            (1_001,            limits(1_000, u32::MAX),    false),
            (0,                limits(0, 0),               true),
            (1,                limits(0, u32::MAX),        false),
            (MEGABYTE,         limits(u64::MAX, 2),        true),
            (MEGABYTE + 1,     limits(u64::MAX, 2),        false),
            (2 * MEGABYTE,     limits(u64::MAX, u32::MAX), true),
            (2 * MEGABYTE,     DecodingLimits::default(),  false),
        ];
        for (length, limits, passes) in cases {
            let result = decoded(coding, limits, [&*body(length)]);
            let expected = (!passes).then_some(Violation::TooLarge);
            assert_eq!(kind(&result), expected, "{coding:?}: {length} under {limits:?}");
        }
    }
}

/// Ten gigabytes of zeros in ten megabytes of gzip: after each limit not a block more is decoded.
#[test]
fn a_bomb_is_decoded_no_further_than_it_may_be() {
    let head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";
    let mut stream = Compress::new(Compression::best(), false);
    let zeros = vec![0; MEGABYTE];
    let mut first = Vec::with_capacity(MEGABYTE);
    stream.compress_vec(&zeros, &mut first, FlushCompress::Full).unwrap();
    // What follows a full flush needs nothing of what came before: it can stand any number of times.
    let mut megabyte = Vec::with_capacity(MEGABYTE);
    stream.compress_vec(&zeros, &mut megabyte, FlushCompress::Full).unwrap();
    let bomb = megabyte.repeat(10_240);
    assert!((9_000_000..12_000_000).contains(&bomb.len()), "{}", bomb.len());
    for (limits, most) in [
        // After the head, which decodes to nothing.
        (DecodingLimits::default(), MEGABYTE as u64),
        (DecodingLimits { max_bytes: 256 << 20, max_ratio: u32::MAX }, 256 << 20),
    ] {
        let mut decoder = Decoder::new(Coding::Gzip, limits).unwrap();
        let mut seen = 0;
        let result = head.chunks(10).chain(bomb.chunks(64 << 10)).try_for_each(|mut piece| {
            while decoder.can_step(piece) {
                let block = decoder.step(&mut piece)?;
                assert!(block.len() <= 32 << 10);
                seen += block.len() as u64;
            }
            Ok(())
        });
        assert!(matches!(result, Err(FilterError::Invalid(Violation::TooLarge, _))), "{result:?}");
        assert!((most - (64 << 10)..=most).contains(&seen), "{seen} bytes were decoded");
    }
}

#[test]
fn a_flush_gives_all_that_was_pushed() {
    for (coding, decoding) in [
        (ContentCoding::Gzip, Coding::Gzip),
        (ContentCoding::Brotli, Coding::Brotli),
        (ContentCoding::Zstd, Coding::Zstd),
    ] {
        let mut encoder = Encoder::new(coding).unwrap();
        let mut decoder = Decoder::new(decoding, DecodingLimits::default()).unwrap();
        let mut seen = Vec::new();
        let mut take = |piece: &[u8]| {
            let mut piece = piece;
            let before = seen.len();
            while decoder.can_step(piece) {
                seen.extend_from_slice(decoder.step(&mut piece).unwrap());
            }
            seen[before..].to_vec()
        };
        // The last one does not repeat itself, so that it fills blocks of coded bytes, too.
        let noise: Vec<u8> =
            (0_u64..200_000).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        for piece in [&text(), &b"x"[..], b"", &noise] {
            let mut out = Vec::new();
            encoder.push(piece, &mut out).unwrap();
            encoder.flush(&mut out).unwrap();
            assert_eq!(take(&out), piece, "{coding:?}");
        }
        let mut out = Vec::new();
        encoder.finish(&mut out).unwrap();
        assert_eq!(take(&out), b"", "{coding:?}");
        assert_eq!(decoder.finish(), Ok(()), "{coding:?}");
    }
}

proptest! {
    #[test]
    fn anything_encoded_comes_back(text: Vec<u8>, cuts: Vec<usize>, flushed: bool) {
        for (coding, decoding) in [
            (ContentCoding::Gzip, Coding::Gzip), (ContentCoding::Brotli, Coding::Brotli), (ContentCoding::Zstd, Coding::Zstd),
        ] {
            let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
            for piece in pieces(&text, &cuts) {
                encoder.push(piece, &mut out).unwrap();
                if flushed {
                    encoder.flush(&mut out).unwrap();
                }
            }
            encoder.finish(&mut out).unwrap();
            prop_assert_eq!(decoded(decoding, DecodingLimits::default(), pieces(&out, &cuts)).unwrap(), &*text);
        }
    }

    /// Strangers' bytes, alone and behind the beginning of a good body.
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, cuts: Vec<usize>, at: prop::sample::Index) {
        for (_, coding, body) in bodies(&text()) {
            let _ = decoded(coding, DecodingLimits::default(), pieces(&bytes, &cuts));
            let behind = [&body[..at.index(body.len())], &bytes].concat();
            let _ = decoded(coding, DecodingLimits::default(), pieces(&behind, &cuts));
        }
    }
}
