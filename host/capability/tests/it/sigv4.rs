//! AWS Signature Version 4, computed again from what arrived: no emulator checks it, AWS does.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::endpoint::Asked;

/// The signature that `asked` ought to carry for `POST /`.
pub(crate) fn expected(asked: &Asked, secret: &str) -> String {
    let authorization = asked.header("authorization");
    let part = |name: &str| {
        let rest = authorization.split_once(name).unwrap().1;
        rest.split([',', ' ']).next().unwrap()
    };
    let signed = part("SignedHeaders=");
    let scope = part("Credential=").split_once('/').unwrap().1;
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let request = format!("POST\n/\n\n{headers}\n{signed}\n{}", hex(&Sha256::digest(asked.body.as_bytes())));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", asked.header("x-amz-date"), hex(&Sha256::digest(request.as_bytes())));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    hex(&hmac(&key, text.as_bytes()))
}

pub(crate) fn carried(asked: &Asked) -> String {
    asked.header("authorization").rsplit("Signature=").next().unwrap().to_owned()
}

/// RFC 2104. Keys here are at most one block long.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        for (pad, key) in block.iter_mut().zip(key) {
            *pad ^= key;
        }
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
