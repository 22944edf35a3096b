//! Logs in at a MySQL port: the greeting, TLS if it is wanted, and the account.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::packets::{Fields, Packets, framed, lost};
use super::plugin::{self, NATIVE, NONCE};
use super::{Client, greeting, tls};
use crate::engine::failure::Failure;
use crate::settings::{Endpoint, TlsMode};

const PROTOCOL_41: u32 = 0x200;
const TLS: u32 = 0x800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

/// The longest packet that the server may send.
pub const MAX_PACKET: u32 = 1024 * 1024;
/// `utf8mb4_general_ci`
const UTF8: u8 = 45;

/// The fields of a greeting that matter.
#[derive(Debug, PartialEq, Eq)]
struct Greeting {
    capabilities: u32,
    nonce: [u8; NONCE],
}

impl Greeting {
    /// Reads a packet that began like a greeting.
    fn parse(seen: &[u8]) -> Option<Self> {
        let mut fields = Fields(seen);
        let &[low, middle, high, _, _protocol] = fields.take(5)? else {
            return None;
        };
        // Nothing may follow: what comes before TLS could be anybody's.
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        if seen.len() != length + 4 {
            return None;
        }
        let _version = fields.word();
        let _connection = fields.take(4)?;
        let begin = fields.take(8)?;
        let &[_, low, high, _charset, _, _, third, fourth, _length] = fields.take(9)? else {
            return None;
        };
        let _reserved = fields.take(10)?;
        let end = fields.take(NONCE - begin.len())?;
        // The plugin that follows is the server's usual one; the account's own is asked for by a switch.
        Some(Self {
            capabilities: u32::from_le_bytes([low, high, third, fourth]),
            nonce: [begin, end].concat().try_into().ok()?,
        })
        .filter(|greeting| greeting.offers(PROTOCOL_41 | SECURE_CONNECTION))
    }

    const fn offers(&self, capability: u32) -> bool {
        self.capabilities & capability == capability
    }
}

/// The first 32 bytes of a login, which alone ask for TLS.
fn beginning(capabilities: u32) -> Vec<u8> {
    let mut packet = capabilities.to_le_bytes().to_vec();
    packet.extend(MAX_PACKET.to_le_bytes());
    packet.push(UTF8);
    packet.resize(32, 0);
    packet
}

impl Client {
    /// Logs in over this new connection, which was opened to `at`.
    pub(super) async fn log_in(
        &self,
        at: &Endpoint,
        mut stream: TcpStream,
        mode: TlsMode,
    ) -> Result<Packets, Failure> {
        let seen = greeting::read(&mut stream).await?;
        let hello = Greeting::parse(&seen)
            .ok_or_else(|| Failure::Malformed("its greeting cannot be read".to_owned()))?;
        let mut capabilities = PROTOCOL_41 | SECURE_CONNECTION | (hello.capabilities & PLUGIN_AUTH);
        let mut packets = match (mode, hello.offers(TLS)) {
            (TlsMode::Off, _) | (TlsMode::Prefer, false) => Packets::new(Box::new(stream), 1),
            (TlsMode::Require | TlsMode::Verify, false) => return Err(Failure::NoTls),
            (TlsMode::Prefer | TlsMode::Require | TlsMode::Verify, true) => {
                capabilities |= TLS;
                let request = framed(&beginning(capabilities), 1)?;
                stream.write_all(&request).await.map_err(|error| lost(&error))?;
                let connector = TlsConnector::from(self.tls_config.clone()?);
                let name = tls::name(&at.host)?;
                let secure = connector
                    .connect(name, stream)
                    .await
                    .map_err(|error| tls::failure(&error))?;
                Packets::new(Box::new(secure), 2)
            }
        };
        let password = self.account.password.as_ref();
        let password = password.map_or("", |password| password.value.reveal());
        let proof = plugin::native(password, &hello.nonce);
        let mut login = beginning(capabilities);
        login.extend(self.account.user.value.as_bytes());
        login.push(0);
        login.extend(u8::try_from(proof.len()));
        login.extend(proof);
        if hello.offers(PLUGIN_AUTH) {
            login.extend(NATIVE.as_bytes());
            login.push(0);
        }
        packets.write(&login).await?;
        let answer = packets.read().await?;
        if let Some((0xfe, switch)) = answer.split_first() {
            packets.write(&reply_to_switch(switch, password)?).await?;
            logged_in(&packets.read().await?)?;
        } else {
            logged_in(&answer)?;
        }
        Ok(packets)
    }
}

/// The reply to a server that asks for another plugin, or for the same one with another random number.
fn reply_to_switch(request: &[u8], password: &str) -> Result<Vec<u8>, Failure> {
    let mut fields = Fields(request);
    let name = String::from_utf8_lossy(fields.word()).into_owned();
    if name != NATIVE {
        // No name is the switch of MySQL before 4.1.
        return Err(plugin::refuse(if name.is_empty() {
            "mysql_old_password"
        } else {
            &name
        }));
    }
    let nonce = fields.take(NONCE).and_then(|nonce| nonce.try_into().ok());
    let nonce = nonce.ok_or_else(|| Failure::Malformed("its request for a login is cut short".to_owned()))?;
    Ok(plugin::native(password, nonce))
}

/// Only OK is an end of a login by `mysql_native_password`; another switch or a question of another plugin is none.
fn logged_in(answer: &[u8]) -> Result<(), Failure> {
    match answer.split_first() {
        Some((0x00, _)) => Ok(()),
        Some((0xfe, switch)) => {
            let name = Fields(switch).word();
            Err(plugin::refuse(&String::from_utf8_lossy(name)))
        }
        // The packet by which `caching_sha2_password` asks for the password.
        Some((0x01, _)) => Err(plugin::refuse("caching_sha2_password")),
        _ => Err(Failure::Malformed(
            "its answer to the login cannot be read".to_owned(),
        )),
    }
}
