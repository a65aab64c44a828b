//! Stores for the tests of object storage: one in memory that dies after so many requests, and S3 as moto plays it.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bedside_cache::S3Connector;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A store in memory that does so many requests more and none after: how a machine that dies looks to it.
#[derive(Debug)]
pub(crate) struct Dying {
    inner: Arc<InMemory>,
    left: AtomicI64,
}

impl Dying {
    pub(crate) fn after(requests: i64, inner: &Arc<InMemory>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), left: AtomicI64::new(requests) })
    }

    /// How many requests it would still do; below zero when it refused one.
    pub(crate) fn left(&self) -> i64 {
        self.left.load(Ordering::SeqCst)
    }

    fn live(&self) -> Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(Error::Generic { store: "Dying", source: "the machine is dead".into() }),
        }
    }
}

impl fmt::Display for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dying({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Dying {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.live()?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.live()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.live()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.live() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.live() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.live()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.live()?;
        self.inner.copy_opts(from, to, options).await
    }
}

/// S3 as moto plays it, on a port of its own until it is dropped.
pub(crate) struct Moto {
    server: Child,
    endpoint: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may be gone already, which is as well.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

const MOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/ci-python/bin/moto_server");

impl Moto {
    /// Starts it with a bucket; `None`, said aloud, where moto is not installed.
    pub(crate) fn start() -> Option<Self> {
        let server = Command::new(MOTO)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut server) = server else {
            // Not captured, so that it is seen when the test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED on S3: no moto_server in target/ci-python");
            return None;
        };
        let mut said = BufReader::new(server.stderr.take().expect("piped")).lines();
        let running = said.find_map(|line| Some(line.ok()?.split_once("Running on http://")?.1.to_owned()));
        let address = running.expect("moto says where it runs");
        let address = address.trim().trim_end_matches('/').to_owned();
        // What it says from now on must not fill the pipe.
        std::thread::spawn(move || said.for_each(drop));
        let moto = Self { server, endpoint: format!("http://{address}") };
        let mut stream = TcpStream::connect(&address).expect("connected");
        write!(stream, "PUT /bedside HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")
            .expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains(" 200 "), "{answer}");
        Some(moto)
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        let store = AmazonS3Builder::new()
            .with_bucket_name("bedside")
            .with_endpoint(&self.endpoint)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_http_connector(S3Connector::danger_without_tls());
        Arc::new(store.build().expect("a store"))
    }
}
