//! The broker of both engines: one port, and an answer to the leader's ping. It reads no files for anybody here.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};

use crate::halt::Halt;
use crate::network;
use crate::properties::Properties;
use crate::settings::Settings;
use crate::wire::ping;
use crate::wire::thrift::receive;

pub(crate) async fn run(settings: Settings) -> Halt {
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return Halt::with_code(255, "cannot listen for signals");
    };
    tokio::select! {
        halt = serve(&settings) => halt,
        // A JVM's.
        _ = term.recv() => Halt::with_code(143, ""),
        _ = interrupt.recv() => Halt::with_code(130, ""),
    }
}

async fn serve(settings: &Settings) -> Halt {
    let path = settings.home.join("conf/apache_hdfs_broker.conf");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Halt::with_code(255, format!("java.io.FileNotFoundException: {}", path.display()));
    };
    let conf = match Properties::parse(&text).substituted(&settings.environment) {
        Ok(conf) => conf,
        Err(name) => return Halt::with_code(255, format!("no such env variable: {name}")),
    };
    let port = conf.get("broker_ipc_port").unwrap_or("8000");
    let Ok(port) = port.parse() else {
        let words = format!("java.lang.NumberFormatException: For input string: \"{port}\"");
        return Halt::with_code(255, words);
    };
    settings.scale.sleep(1.0).await;
    let listener = match network::listen(settings.listen_on(port)) {
        Ok(listener) => listener,
        Err(error) => {
            let words = format!("thrift server start failed on port {port}: java.net.BindException: {error}");
            return Halt::with_code(255, words);
        }
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            settings.scale.sleep(0.1).await;
            continue;
        };
        // Whoever goes away in the middle is its own affair.
        tokio::spawn(async move { answer(stream).await.ok() });
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some((method, sequence)) = receive(&mut stream, &mut buffer, ping::decode_call).await? {
        let reply = ping::encode_broker_ok(&method, sequence).map_err(std::io::Error::other)?;
        stream.write_all(&reply).await?;
    }
    Ok(())
}
