//! Promises kept by containers on a real engine, with addresses of their own: what compose brings up, killed, paused, cut off.
//!
//! They need a Docker engine and an image, so they are ignored unless asked for; `.ci/containers` makes the image and asks.

#[path = "containers/cluster.rs"]
mod cluster;
#[path = "containers/faults.rs"]
mod faults;
#[path = "containers/front_door.rs"]
mod front_door;
