//! Whether somebody on a MySQL port greets: an FE that was dropped accepts connections and never does (observed).

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::engine::failure::Failure;
use crate::settings::Endpoint;

/// Reads the first packet and looks for protocol version 10.
pub async fn greets(at: &Endpoint, within: Duration) -> Result<(), Failure> {
    let read = async {
        let mut stream = TcpStream::connect((at.host.to_string(), at.port))
            .await
            .map_err(|error| {
                if error.kind() == std::io::ErrorKind::ConnectionRefused {
                    Failure::Refused
                } else {
                    Failure::Unreachable(error.to_string())
                }
            })?;
        // Three bytes of length, the number of the packet, the version of the protocol.
        let mut head = [0; 5];
        stream
            .read_exact(&mut head)
            .await
            .map_err(|_| Failure::NotMySql("it closed without a greeting".to_owned()))?;
        match head {
            [_, _, _, 0, 10] => Ok(()),
            _ => Err(Failure::NotMySql("its first packet is no greeting".to_owned())),
        }
    };
    timeout(within, read)
        .await
        .unwrap_or(Err(Failure::Deadline(within.as_secs())))
}
