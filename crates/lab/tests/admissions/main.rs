//! Many admissions at once, against a simulated Spine over real TLS sockets: a storm, a run that is killed, patients who
//! have to be traced, and what may never be seen of any of them.

mod canary;
mod kill;
mod storm;
mod support;
mod trace;
