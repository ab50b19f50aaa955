//! Images from Dockerfiles, without a daemon.
//!
//! * [`lang`]: the language; text to stages, each instruction with its place.
//! * [`plan`]: what a build will do, complete before anything runs.
//! * [`tree`]: root file systems as lists of entries, and layers made of them.
//! * [`engine`]: carries a plan out; [`engine::build`] is the way in.
//! * [`users`]: names of users and groups.
//! * [`worker`]: commands in namespaces, in a process of their own.
//! * [`cache`]: what earlier builds made.
//!
//! Neighbours: `pith-image` has base images and is what comes out; `pith-rootfs` packs that; `pith` prints progress and errors.
#![forbid(unsafe_code)]

pub mod cache;
pub mod engine;
pub mod lang;
pub mod plan;
pub mod tree;
pub mod users;
pub mod worker;
