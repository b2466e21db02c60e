//! Tokens: none is accepted but the one that is known, byte for byte, alone, and none is said.

#![no_main]

#[path = "../requests.rs"]
mod requests;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use libfuzzer_sys::fuzz_target;
use reportgate::decide::{Facts, Head, identify_holder};
use reportgate::domain::token::{PresentedToken, Token};
use reportgate::policy::Policy;
use requests::{Choices, NOW, policy};
use std::sync::LazyLock;

/// One of the platform's own, and one of the gate's.
static KNOWN: LazyLock<[String; 2]> = LazyLock::new(|| {
    let mut next = 0_u8;
    let own = Token::generate(|| {
        next = next.wrapping_mul(5).wrapping_add(17);
        next
    });
    ["platform-token-0123456789".to_owned(), own.into_secret()]
});

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let token = |(nth, token): (usize, &String)| {
        let hash = PresentedToken::parse(token.as_bytes()).expect("a token").digest().stored();
        format!("[[affiliates.acme.tokens]]\nid = \"t{nth}\"\nhash = \"{hash}\"\nexpires = \"never\"\n")
    };
    let tokens: String = KNOWN.iter().enumerate().map(token).collect();
    policy(&format!(
        "[server]\nlisten = [\"127.0.0.1:8080\"]\ntoken_in = [\"bearer\", \"header:x-api-key\", \"query:key\"]\n\
         [backends.legacy]\nurl = \"http://127.0.0.1:8001\"\n[affiliates.acme]\nscope = [\"1\"]\nallowed_ips = [\"192.0.2.7\"]\n{tokens}"
    ))
});

/// A token, or nearly.
fn presented(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut token = KNOWN[choices.below(2)].clone().into_bytes();
    for _ in 0..choices.below(3) {
        let at = choices.below(256) % (token.len() + 1);
        match choices.below(8) {
            0 => token.truncate(at),
            1 => token.insert(at, choices.pick(b" \t,;\"%\0=Aa0-_.")),
            2 => token = [token.clone(), token].concat(),
            3 => token.make_ascii_uppercase(),
            4 => token.extend_from_slice(choices.pick(&[b" ".as_slice(), b"\t", b"==", b",", b"%00"])),
            5 => token.insert(0, choices.pick(b" \t\"'")),
            6 => drop((at < token.len()).then(|| token.remove(at))),
            _ => drop(token.get_mut(at).map(|byte| *byte ^= 1 << choices.below(8))),
        }
    }
    token
}

const SCHEMES: [&str; 8] =
    ["Bearer ", "bearer ", "BEARER  ", "Bearer\t", "Bearer", "Basic ", "Bearer Bearer ", ""];

/// What a careful reader sees in an `Authorization`; `None` where another scheme is spoken.
fn bearer(line: &[u8]) -> Option<&[u8]> {
    let (_, token) = line.split_at_checked(6).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer"))?;
    match token.split_first() {
        None => Some(b""),
        Some((b' ', token)) => Some(token.trim_ascii()),
        Some(_) => None,
    }
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let (mut headers, mut query, mut all) = (HeaderMap::new(), String::new(), Vec::new());
    for _ in 0..=choices.below(3) {
        let place = choices.below(3);
        let token = if choices.one_in(4) { choices.rest().to_vec() } else { presented(choices) };
        if place == 2 {
            let name = choices.pick(&["key", "Key", "key[]", "k%65y"]);
            let Ok(text) = std::str::from_utf8(&token) else { continue };
            if !text.contains('&') {
                query.push_str(&format!("{name}={text}&"));
                // Its name is decoded, and so is its value, once.
                all.extend(["key", "k%65y"].contains(&name).then(|| requests::loose(text)));
            }
            continue;
        }
        let (name, line) = match place {
            0 => (header::AUTHORIZATION, [choices.pick(&SCHEMES).as_bytes(), &token].concat()),
            _ => (HeaderName::from_static("x-api-key"), token),
        };
        let Ok(value) = HeaderValue::from_bytes(&line) else { continue };
        match place {
            0 => all.extend(bearer(&line).map(<[u8]>::to_vec)),
            _ => all.push(line),
        }
        headers.append(name, value);
    }
    let method = Method::GET;
    let peer = std::net::IpAddr::from([192, 0, 2, 7]).into();
    let head = Head {
        method: &method,
        path: "/",
        query: Some(&query),
        headers: &headers,
        peer,
        is_tls: false,
        request_id: "id",
    };
    match identify_holder(&POLICY, &head, NOW, &mut Facts::default()) {
        Ok(holder) => {
            let [one] = all.as_slice() else { panic!("{} tokens: {headers:?} {query}", all.len()) };
            assert!(KNOWN.iter().any(|known| known.as_bytes() == one), "{}", one.escape_ascii());
            assert!(holder.token().is_some());
        }
        Err(denial) => {
            let said = format!("{denial:?} {}", denial.detail);
            assert!(KNOWN.iter().all(|known| !said.contains(&**known)), "{said}");
        }
    }
});
