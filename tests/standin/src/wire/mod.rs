//! Protocols the stand-in shares with the world: HTTP as the engine speaks it, and the thrift heartbeat.

pub(crate) mod heartbeat;
pub(crate) mod http;
