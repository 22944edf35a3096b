//! HTTP/1.1, small: requests in (parsed by httparse), and the JVM's own requests out, byte for byte as observed.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::network::Network;

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(crate) keep_alive: bool,
}

impl Request {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let pairs = headers.iter().map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_owned(), value)
    });
    pairs.collect()
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    pub(crate) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", "text/html; charset=UTF-8".to_owned())];
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn encode(&self, keep_alive: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "",
        };
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value.as_str(), "\r\n"]);
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let length = self.body.len().to_string();
        head.extend([
            "content-length: ",
            &length,
            "\r\nconnection: ",
            connection,
            "\r\n\r\n",
        ]);
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A server's side of one connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Exchange {
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The next request, or nothing when the client is done. Bodies are not read: no request here has one.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some((request, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(Some(request));
            }
            if self.buffer.len() > 64 * 1024 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a request without an end",
                ));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub(crate) async fn reply(&mut self, response: &Response, keep_alive: bool) -> io::Result<()> {
        self.stream.write_all(&response.encode(keep_alive)).await
    }
}

fn parse(buffer: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let status = request
        .parse(buffer)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(used) = status else {
        return Ok(None);
    };
    let target = request.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(key, value)| (decode(key), decode(value))).collect();
    let closes = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("connection") && header.value.eq_ignore_ascii_case(b"close")
    });
    let keep_alive = !closes && request.version == Some(1);
    let headers = owned(request.headers);
    Ok(Some((
        Request {
            path: path.to_owned(),
            query,
            headers,
            keep_alive,
        },
        used,
    )))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits);
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer to a request of ours.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// A request of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'q> {
    pub(crate) host: &'q str,
    pub(crate) port: u16,
    pub(crate) target: &'q str,
    pub(crate) headers: &'q [(&'static str, String)],
}

/// How an FE of Doris names itself to another one.
pub(crate) fn member(host: &str, edit_log_port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("CLIENT_NODE_HOST", host.to_owned()),
        ("CLIENT_NODE_PORT", edit_log_port.to_string()),
    ]
}

/// `HttpURLConnection` as it was seen: these headers, in this order, and a second try when the connection is
/// closed without a byte.
pub(crate) async fn get(network: &Network, question: &Question<'_>, patience: Duration) -> io::Result<Reply> {
    let request = question.encode(
        "User-Agent: Java/17.0.15",
        "Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\n",
    );
    let ask = async {
        match ask_once(network, question, &request, patience).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ask_once(network, question, &request, patience).await
            }
            answer => answer,
        }
    };
    tokio::time::timeout(patience, ask)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Read timed out"))?
}

/// Apache's client, once: what a leader of Doris sends after a checkpoint.
pub(crate) async fn get_as_apache(
    network: &Network,
    question: &Question<'_>,
    patience: Duration,
) -> io::Result<Reply> {
    let agent = "User-Agent: Apache-HttpClient/4.5.13 (Java/17.0.15)";
    let request = question.encode(agent, "Connection: Keep-Alive\r\n");
    tokio::time::timeout(patience, ask_once(network, question, &request, patience))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Read timed out"))?
}

impl Question<'_> {
    fn encode(&self, agent: &str, rest: &str) -> String {
        let Self {
            host,
            port,
            target,
            headers,
        } = self;
        let own: String = headers
            .iter()
            .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
            .collect();
        format!("GET {target} HTTP/1.1\r\n{own}{agent}\r\nHost: {host}:{port}\r\n{rest}\r\n")
    }
}

async fn ask_once(
    network: &Network,
    question: &Question<'_>,
    request: &str,
    patience: Duration,
) -> io::Result<Reply> {
    let mut stream = network.connect(question.host, question.port, patience).await?;
    let mut buffer = Vec::new();
    let sent = stream.write_all(request.as_bytes()).await;
    loop {
        if let Some(reply) = parse_reply(&buffer, false)? {
            return Ok(reply);
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) => {
                return parse_reply(&buffer, true)?.ok_or_else(end_of_file);
            }
            Ok(_) => {}
            Err(_) if buffer.is_empty() && sent.is_err() => return Err(end_of_file()),
            Err(error) => return Err(error),
        }
    }
}

fn end_of_file() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "Unexpected end of file from server")
}

fn parse_reply(buffer: &[u8], ended: bool) -> io::Result<Option<Reply>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(status) = response.parse(buffer) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "Invalid Http response",
        ));
    };
    let httparse::Status::Complete(head) = status else {
        return Ok(None);
    };
    let mut reply = Reply {
        status: response.code.unwrap_or(0),
        headers: owned(response.headers),
        body: buffer.get(head..).unwrap_or_default().to_vec(),
    };
    let length: Option<usize> = reply.header("content-length").and_then(|text| text.parse().ok());
    match length {
        Some(length) if reply.body.len() >= length => {
            reply.body.truncate(length);
            Ok(Some(reply))
        }
        _ if ended => Ok(Some(reply)),
        _ => Ok(None),
    }
}
