//! Two readers of requests as they stand on a connection: one by the letter of RFC 9112, one that puts up with anything.
//!
//! What both read alike cannot be read two ways by the programs between them. Neither knows
//! anything of the gate, or of the library that it is made with.

/// A request as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// Why a reader stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There is nothing more.
    End,
    /// The bytes end within a request.
    Partial,
    /// A request said that it is the last one.
    Last,
    /// What stands there is not the head of a request.
    Malformed(&'static str),
    /// A head was in order, and its body is not.
    Broken(&'static str),
}

/// What a reader made of the bytes of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) messages: Vec<Message>,
    pub(crate) stop: Stop,
}

/// Reads as RFC 9112 says, without any of the liberties that it leaves to servers.
pub(crate) fn strictly(bytes: &[u8]) -> Reading {
    read(bytes, strict_message)
}

/// Reads as the most careless of servers: whatever can be understood is.
pub(crate) fn leniently(bytes: &[u8], taste: Taste) -> Reading {
    read(bytes, |rest| lenient_message(rest, taste))
}

/// What a careless server looks at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taste {
    /// Chunks if `chunked` stands anywhere in any `Transfer-Encoding`, then the last length.
    Chunks,
    /// The first `Content-Length`, then chunks.
    Length,
}

impl Taste {
    pub(crate) const ALL: [Self; 2] = [Self::Chunks, Self::Length];
}

type Read<T> = Result<T, Stop>;

fn read<'b>(bytes: &'b [u8], mut next: impl FnMut(&'b [u8]) -> Read<(Message, &'b [u8], bool)>) -> Reading {
    let (mut rest, mut messages) = (bytes, Vec::new());
    let stop = loop {
        match next(rest) {
            Ok((message, behind, is_last)) => {
                messages.push(message);
                rest = behind;
                if is_last {
                    break Stop::Last;
                }
            }
            Err(stop) => break stop,
        }
    };
    Reading { messages, stop }
}

fn is_token(text: &[u8]) -> bool {
    let tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(tchar)
}

fn trimmed(text: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let from = text.iter().position(|b| !blank(b)).unwrap_or(text.len());
    let to = text.iter().rposition(|b| !blank(b)).map_or(from, |at| at + 1);
    &text[from..to]
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f))
}

/// A field line (RFC 9112 section 5): no folding, no space before the colon, no control characters.
fn strict_field(line: &[u8]) -> Read<(String, Vec<u8>)> {
    let colon = memchr::memchr(b':', line).ok_or(Stop::Malformed("no colon"))?;
    let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
    if !is_token(name) {
        return Err(Stop::Malformed("no field name"));
    }
    if !is_text(value) {
        return Err(Stop::Malformed("a control character in a value"));
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

fn all<'f>(fields: &'f [(String, Vec<u8>)], name: &'f str) -> impl Iterator<Item = &'f [u8]> {
    fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
}

/// How long a body is.
enum Framing {
    Length(u64),
    Chunked,
}

/// A line that ends in CR LF and holds no other.
fn strict_line(bytes: &[u8]) -> Read<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes).ok_or(Stop::Partial)?;
    let line = bytes[..end].strip_suffix(b"\r").ok_or(Stop::Malformed("a bare LF"))?;
    if line.contains(&b'\r') {
        return Err(Stop::Malformed("a bare CR"));
    }
    Ok((line, &bytes[end + 1..]))
}

fn strict_message(bytes: &[u8]) -> Read<(Message, &[u8], bool)> {
    let mut rest = bytes;
    let line = loop {
        if rest.is_empty() {
            return Err(Stop::End);
        }
        let (line, behind) = strict_line(rest)?;
        rest = behind;
        if !line.is_empty() {
            break line;
        }
    };
    let (method, target, minor) = strict_start(line)?;
    let mut fields = Vec::new();
    loop {
        let (line, behind) = strict_line(rest)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        fields.push(strict_field(line)?);
    }
    strict_host(&fields, &target)?;
    let framing = strict_framing(&fields, minor)?;
    let (body, rest) = match framing {
        Framing::Chunked => strict_chunks(rest).map_err(|stop| match stop {
            Stop::Malformed(what) => Stop::Broken(what),
            Stop::End | Stop::Partial | Stop::Last | Stop::Broken(_) => stop,
        })?,
        Framing::Length(length) => {
            let length = usize::try_from(length).map_err(|_| Stop::Partial)?;
            let (body, rest) = rest.split_at_checked(length).ok_or(Stop::Partial)?;
            (body.to_vec(), rest)
        }
    };
    let options = all(&fields, "connection").flat_map(|value| value.split(|b| *b == b','));
    let options: Vec<_> = options.map(|option| trimmed(option).to_ascii_lowercase()).collect();
    let says = |word: &[u8]| options.iter().any(|option| option == word);
    let is_last = says(b"close") || minor == 0 && !says(b"keep-alive");
    Ok((Message { method, target, fields, body }, rest, is_last))
}

/// Method, target and minor version (RFC 9112 section 3). Which characters a path may hold is no matter of framing.
fn strict_start(line: &[u8]) -> Read<(String, String, u8)> {
    let parts: Vec<_> = line.split(|b| *b == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(Stop::Malformed("no request line")) };
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => return Err(Stop::Malformed("no version")),
    };
    let form = target.starts_with(b"/") || target.starts_with(b"http://") || target.starts_with(b"https://");
    if !is_token(method) || method == b"CONNECT" || !form || !target.iter().all(u8::is_ascii_graphic) {
        return Err(Stop::Malformed("no method or target"));
    }
    if target.contains(&b'#') {
        return Err(Stop::Malformed("a fragment"));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(method), text(target), minor))
}

/// One length of digits, or `chunked` alone, or no body (RFC 9112 section 6.3).
fn strict_framing(fields: &[(String, Vec<u8>)], minor: u8) -> Read<Framing> {
    let lengths: Vec<_> = all(fields, "content-length").collect();
    let codings: Vec<_> = all(fields, "transfer-encoding").collect();
    let chunked = |codings: &[&[u8]]| matches!(codings, [coding] if minor == 1 && coding.eq_ignore_ascii_case(b"chunked"));
    match &lengths[..] {
        [] if codings.is_empty() => Ok(Framing::Length(0)),
        [] if chunked(&codings) => Ok(Framing::Chunked),
        [length] if codings.is_empty() && !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let length = str::from_utf8(length).ok().and_then(|digits| digits.parse().ok());
            length.map(Framing::Length).ok_or(Stop::Malformed("a length beyond all bounds"))
        }
        _ => Err(Stop::Malformed("no single framing")),
    }
}

/// A chunked body (RFC 9112 section 7.1).
fn strict_chunks(bytes: &[u8]) -> Read<(Vec<u8>, &[u8])> {
    let (mut rest, mut body) = (bytes, Vec::new());
    loop {
        let (line, behind) = strict_line(rest)?;
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        match trimmed(extension) {
            _ if size.is_empty() => return Err(Stop::Malformed("no chunk size")),
            [] if extension.is_empty() => {}
            [b';', ..] if extension.starts_with(b";") && is_text(extension) => {}
            _ => return Err(Stop::Malformed("no chunk size")),
        }
        let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or(Stop::Malformed("a chunk beyond all bounds"))?;
        if size == 0 {
            return Ok((body, strict_trailers(behind)?));
        }
        let (data, behind) = behind.split_at_checked(size).ok_or(Stop::Partial)?;
        body.extend_from_slice(data);
        match behind {
            [b'\r', b'\n', behind @ ..] => rest = behind,
            [] | [b'\r'] => return Err(Stop::Partial),
            _ => return Err(Stop::Malformed("no end of a chunk")),
        }
    }
}

fn strict_trailers(bytes: &[u8]) -> Read<&[u8]> {
    let mut rest = bytes;
    loop {
        let (line, behind) = strict_line(rest)?;
        if line.is_empty() {
            return Ok(behind);
        }
        strict_field(line)?;
        rest = behind;
    }
}

/// Exactly one host, the one of the target where that names one.
fn strict_host(fields: &[(String, Vec<u8>)], target: &str) -> Read<()> {
    let hosts: Vec<_> = all(fields, "host").collect();
    let [host] = hosts[..] else { return Err(Stop::Malformed("not one Host")) };
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let (name, port) = host.split_once(':').unwrap_or((&host, "80"));
    let name_ok = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let port_ok = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let authority = target.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or(rest));
    if !name_ok || !port_ok || authority.is_some_and(|authority| authority.to_ascii_lowercase() != host) {
        return Err(Stop::Malformed("no Host"));
    }
    Ok(())
}

/// A line up to LF, or what is left.
fn lenient_line(bytes: &[u8]) -> Read<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes).ok_or(Stop::Partial)?;
    let line = &bytes[..end];
    Ok((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// Without white space, control characters and bytes beyond ASCII at its ends.
fn loosely_trimmed(text: &[u8]) -> &[u8] {
    let from = text.iter().position(u8::is_ascii_graphic).unwrap_or(text.len());
    let to = text.iter().rposition(u8::is_ascii_graphic).map_or(from, |at| at + 1);
    &text[from..to]
}

fn lenient_message(bytes: &[u8], taste: Taste) -> Read<(Message, &[u8], bool)> {
    let blank = |b: &u8| matches!(b, b'\r' | b'\n' | b' ' | b'\t');
    let from = bytes.iter().position(|b| !blank(b)).ok_or(Stop::End)?;
    let (line, mut rest) = lenient_line(&bytes[from..])?;
    let words: Vec<_> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let (Some(method), Some(target)) = (words.first(), words.get(1)) else {
        return Err(Stop::Malformed("no request line"));
    };
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    loop {
        let (line, behind) = lenient_line(rest)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        if let (true, Some((_, value))) = (line[0] == b' ' || line[0] == b'\t', fields.last_mut()) {
            value.extend_from_slice(line);
        }
        // A bare CR ends a line as well.
        for line in line.split(|b| *b == b'\r') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = String::from_utf8_lossy(loosely_trimmed(&line[..colon])).to_ascii_lowercase();
            fields.push((name.replace(['_', ' '], "-"), loosely_trimmed(&line[colon + 1..]).to_vec()));
        }
    }
    let (body, rest) = lenient_body(&fields, rest, taste)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((Message { method: text(method), target: text(target), fields, body }, rest, false))
}

fn lenient_body<'b>(fields: &[(String, Vec<u8>)], rest: &'b [u8], taste: Taste) -> Read<(Vec<u8>, &'b [u8])> {
    let number = |value: &[u8]| -> Option<usize> {
        let from = value.iter().position(u8::is_ascii_digit)?;
        let digits = value[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        str::from_utf8(&value[from..from + digits]).ok()?.parse().ok()
    };
    let mut lengths = all(fields, "content-length").filter_map(number);
    let chunked = all(fields, "transfer-encoding")
        .any(|coding| memchr::memmem::find(&coding.to_ascii_lowercase(), b"chunked").is_some());
    let length = match taste {
        Taste::Chunks if chunked => None,
        Taste::Chunks => Some(lengths.last().unwrap_or(0)),
        Taste::Length => lengths.next().or_else(|| (!chunked).then_some(0)),
    };
    let Some(length) = length else { return lenient_chunks(rest) };
    let (body, rest) = rest.split_at_checked(length).ok_or(Stop::Partial)?;
    Ok((body.to_vec(), rest))
}

fn lenient_chunks(bytes: &[u8]) -> Read<(Vec<u8>, &[u8])> {
    let (mut rest, mut body) = (bytes, Vec::new());
    loop {
        let (line, behind) = lenient_line(rest)?;
        let line = loosely_trimmed(line);
        let line = line.strip_prefix(b"0x").or(line.strip_prefix(b"+")).unwrap_or(line);
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let size = str::from_utf8(&line[..digits]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or(Stop::Malformed("no chunk size"))?;
        rest = behind;
        if size == 0 {
            loop {
                let (line, behind) = lenient_line(rest)?;
                rest = behind;
                if line.is_empty() {
                    return Ok((body, rest));
                }
            }
        }
        let (data, behind) = rest.split_at_checked(size).ok_or(Stop::Partial)?;
        body.extend_from_slice(data);
        rest = behind.strip_prefix(b"\r\n").or(behind.strip_prefix(b"\n")).unwrap_or(behind);
    }
}
