//! From admissions to sealed records, against a simulated Spine over real TLS sockets: every fault by its name, every
//! supplier, a storm, a run that is killed, patients who have to be traced, and what may never be seen of any of them.

mod canary;
#[path = "../support/consumer.rs"]
mod consumer;
mod fault_matrix;
mod kill;
mod look_up;
mod moved;
mod storm;
mod suppliers;
mod support;
mod trace;
