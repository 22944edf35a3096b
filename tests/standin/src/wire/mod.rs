//! Protocols the stand-in shares with the world: HTTP as the engine speaks it, and three thrift calls.

pub(crate) mod heartbeat;
pub(crate) mod http;
pub(crate) mod ping;
pub(crate) mod thrift;
