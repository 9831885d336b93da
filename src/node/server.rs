//! Glue of the control side: sockets, the clock and the one owner of the state.
//!
//! Every request is read, the state is locked for one pure operation, and the answer is sent. What the operation
//! changed goes to the fleet and to the saver as values; what the fleet reports comes back as ticks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use super::api::http::{Answer, ApiCall, Service, refuse_unread, refuse_web_page};
use super::control::error::ApiError;
use super::control::instance_connect::PushedKey;
use super::control::network::Surroundings;
use super::control::{State, Timing};
use super::peer;
use super::wanted::{FleetReport, Wanted};

/// Largest request body in bytes.
const LARGEST_BODY: usize = 1024 * 1024;
/// Longest wait for the head of a request, so that silent connections end.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for the body of a request, from its head on.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open requests may take to end once the server is to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the server behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerOptions {
    /// Added to the time that every API answer takes.
    pub latency: Duration,
    /// Another EC2 that is asked for the subnets and security groups of ElastiCache calls, such as
    /// `http://127.0.0.1:4566`; `None` means this server's own.
    pub ec2_endpoint: Option<String>,
    /// Factor on all times that pass by the clock alone, above 0; 1 is the usual pace, 0.1 is ten times as fast.
    pub time_scale: f64,
    /// Whether no fleet is there: statuses then move by the clock, and endpoints are names without nodes.
    pub without_nodes: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { latency: Duration::ZERO, ec2_endpoint: None, time_scale: 1.0, without_nodes: false }
    }
}

impl ServerOptions {
    fn timing(&self) -> Timing {
        let usual = Timing::default();
        let scaled = |time_ms: u64| (time_ms as f64 * self.time_scale.max(0.0)).round() as u64;
        Timing {
            create_ms: scaled(usual.create_ms),
            modify_ms: scaled(usual.modify_ms),
            delete_ms: scaled(usual.delete_ms),
            instance_ms: scaled(usual.instance_ms),
            without_nodes: self.without_nodes,
        }
    }
}

/// What is asked for about the whole program besides the server's own health.
pub type ExtraHealth = Arc<dyn Fn() -> Value + Send + Sync>;

struct Shared {
    options: ServerOptions,
    timing: Timing,
    control: Mutex<Control>,
    wanted_tx: watch::Sender<Wanted>,
    report_rx: watch::Receiver<FleetReport>,
    saver: watch::Sender<Arc<State>>,
    /// Tells the timer that something may be due earlier than it knows.
    changes: watch::Sender<u64>,
    extra_health: ExtraHealth,
}

/// The state with its one owner's bookkeeping.
struct Control {
    state: State,
    calls: BTreeMap<String, u64>,
    request_count: u64,
}

/// Serves the API until `shutdown` is ready. `report_rx` and `wanted_tx` lead to the fleet, `saver` to the store.
///
/// # Errors
/// When the listener can't accept any more.
#[expect(clippy::too_many_arguments, reason = "one argument for each neighbour; a struct would only rename them")]
pub async fn run(
    listener: TcpListener,
    options: ServerOptions,
    initial: State,
    wanted_tx: watch::Sender<Wanted>,
    report_rx: watch::Receiver<FleetReport>,
    saver: watch::Sender<Arc<State>>,
    extra_health: ExtraHealth,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared {
        timing: options.timing(),
        options,
        control: Mutex::new(Control { state: initial, calls: BTreeMap::new(), request_count: 0 }),
        wanted_tx,
        report_rx,
        saver,
        changes: watch::Sender::new(0),
        extra_health,
    });
    {
        let mut control = shared.control.lock().await;
        control.state.resume(now_ms(), shared.timing);
        if !shared.options.without_nodes {
            // Nothing wanted is news too at first: the fleet has to end what an earlier server left.
            shared.wanted_tx.send_replace(control.state.wanted());
        }
        shared.publish(&control);
    }
    // In sets, so that they end with this future, however it ends: each holds the saver.
    let mut ticker = JoinSet::new();
    ticker.spawn(tick(Arc::clone(&shared)));
    let (stop_tx, stop_rx) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    let outcome = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared), stop_rx.clone()));
                }
                Err(error) if is_passing(&error) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => break Err(error),
            },
            Some(_) = connections.join_next() => {}
        }
    };
    stop_tx.send_replace(true);
    // When all connections are at their end, all answers are sent.
    let _ = tokio::time::timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
    ticker.shutdown().await;
    outcome
}

/// Whether accepting may work again in a moment: the peer gave up, or there are too many open files.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    const TOO_MANY_OPEN_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code))
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stop_rx: watch::Receiver<bool>) {
    // Answers are small and whole: waiting to fill a packet would only add to each.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop_rx.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let request_id = shared.next_request_id().await;
    if let Some(words) = refuse_web_page(request.headers()) {
        return response(Answer::note(403, words, &request_id));
    }
    let path = request.uri().path();
    if *request.method() == Method::GET && path.starts_with("/_shardform/") {
        return response(shared.own_page(path, &request_id).await);
    }
    if ![Method::POST, Method::GET].contains(request.method()) {
        return response(Answer::note(405, "the AWS API takes POST and GET", &request_id));
    }
    let (head, body) = request.into_parts();
    let body = match read_body(body).await {
        Ok(body) => body,
        Err((status, words)) => return response(Answer::note(status, words, &request_id)),
    };
    let answer = match ApiCall::read(&head.method, &head.uri, &head.headers, &body) {
        Ok(call) => shared.run(&call, &request_id).await,
        Err(refusal) => refuse_unread(&head.headers, &refusal, &request_id),
    };
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    response(answer)
}

async fn read_body<Body>(body: Body) -> Result<Bytes, (u16, &'static str)>
where
    Body: hyper::body::Body<Data = Bytes>,
    Body::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((413, "a request body may have at most 1 MiB")),
        Ok(Err(_)) => Err((400, "the request body did not arrive")),
        Err(_) => Err((408, "the request body did not arrive in time")),
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(answer.content_type));
    if let Ok(id) = header::HeaderValue::from_str(&answer.request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

impl Shared {
    async fn next_request_id(&self) -> String {
        let mut control = self.control.lock().await;
        control.request_count += 1;
        format!("00000000-0000-4000-8000-{:012x}", control.request_count)
    }

    async fn own_page(&self, path: &str, request_id: &str) -> Answer {
        let body = match path {
            "/_shardform/health" => self.health().await,
            "/_shardform/calls" => json!({ "calls": self.control.lock().await.calls }),
            "/_shardform/ssh-keys" => self.ssh_keys().await,
            _ => return Answer::note(404, "there is no such page", request_id),
        };
        Answer::json(200, "application/json", &body, request_id)
    }

    /// The public keys that instances accept now, for an ssh server that plays an instance.
    async fn ssh_keys(&self) -> Value {
        let control = self.control.lock().await;
        let key = |(region, id, key): (&str, &str, &PushedKey)| {
            let PushedKey { user, public_key, until_ms } = key;
            json!({
                "region": region,
                "instance_id": id,
                "user": user,
                "public_key": public_key,
                "until_ms": until_ms,
            })
        };
        json!({ "keys": control.state.pushed_keys(now_ms()).map(key).collect::<Vec<Value>>() })
    }

    async fn health(&self) -> Value {
        let clusters: Vec<Value> = {
            let control = self.control.lock().await;
            let cluster = |(region, id, status)| json!({ "region": region, "id": id, "status": status });
            control.state.statuses().map(cluster).collect()
        };
        let services = ["elasticache", "ec2", "sts", "ssm", "ec2-instance-connect"];
        let mut body = json!({ "status": "ready", "services": services, "clusters": clusters });
        if let (Some(body), Value::Object(extra)) = (body.as_object_mut(), (self.extra_health)()) {
            body.extend(extra);
        }
        body
    }

    async fn run(&self, call: &ApiCall, request_id: &str) -> Answer {
        let surroundings = match self.ask_peer(call).await {
            Ok(surroundings) => surroundings,
            Err(refusal) => return call.refuse(&refusal, request_id),
        };
        let mut control = self.control.lock().await;
        let name = if call.is_known() { call.counted_name() } else { format!("{}:unknown", call.service.as_str()) };
        *control.calls.entry(name).or_default() += 1;
        let now_ms = now_ms();
        // What is due by now is seen by this call, however late the timer is.
        let ticked = control.state.tick(now_ms, self.timing, &self.report_rx.borrow());
        let outcome = call.run(&mut control.state, now_ms, self.timing, surroundings.as_ref(), request_id);
        if ticked || outcome.wrote {
            self.publish(&control);
        }
        outcome.answer
    }

    /// What the other EC2 says of the subnets and security groups that a call names, if there is one and it matters.
    async fn ask_peer(&self, call: &ApiCall) -> Result<Option<Surroundings>, ApiError> {
        const NAMES_NETWORK: &[&str] =
            &["CreateCacheSubnetGroup", "ModifyCacheSubnetGroup", "CreateReplicationGroup", "ModifyReplicationGroup"];
        let Some(endpoint) = &self.options.ec2_endpoint else {
            return Ok(None);
        };
        if call.service != Service::ElastiCache || !NAMES_NETWORK.contains(&call.action.as_str()) {
            return Ok(None);
        }
        let subnet_ids = call.parameters.strings("SubnetIds");
        let group_ids = call.parameters.strings("SecurityGroupIds");
        peer::look_up(endpoint, &call.region, &subnet_ids, &group_ids).await.map(Some)
    }

    /// Hands the state to the fleet, the store and the timer.
    fn publish(&self, control: &Control) {
        if !self.options.without_nodes {
            let wanted = control.state.wanted();
            self.wanted_tx.send_if_modified(|old| {
                let is_new = *old != wanted;
                if is_new {
                    *old = wanted;
                }
                is_new
            });
        }
        self.saver.send_replace(Arc::new(control.state.clone()));
        self.changes.send_modify(|count| *count += 1);
    }
}

/// Moves the state on when the fleet reports, and when the clock says so.
async fn tick(shared: Arc<Shared>) {
    let mut report_rx = shared.report_rx.clone();
    let mut changes = shared.changes.subscribe();
    let mut has_fleet = true;
    loop {
        let due_ms = {
            let mut control = shared.control.lock().await;
            let report = report_rx.borrow_and_update().clone();
            if control.state.tick(now_ms(), shared.timing, &report) {
                shared.publish(&control);
            }
            changes.borrow_and_update();
            control.state.next_due()
        };
        let wait = due_ms.map_or(Duration::from_secs(3600), |due_ms| {
            Duration::from_millis(due_ms.saturating_sub(now_ms()).clamp(1, 3_600_000))
        });
        tokio::select! {
            report = report_rx.changed(), if has_fleet => has_fleet = report.is_ok(),
            change = changes.changed() => if change.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;

    /// A server on a port of its own, with the ends that the fleet and the store would hold.
    struct Running {
        address: std::net::SocketAddr,
        saver: watch::Receiver<Arc<State>>,
        wanted: watch::Receiver<Wanted>,
        report: watch::Sender<FleetReport>,
        stop: oneshot::Sender<()>,
        server: tokio::task::JoinHandle<std::io::Result<()>>,
    }

    async fn start(options: ServerOptions) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wanted_tx, wanted) = watch::channel(Wanted::default());
        let (report, report_rx) = watch::channel(FleetReport::default());
        let (saver_tx, saver) = watch::channel(Arc::new(State::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let extra: ExtraHealth = Arc::new(|| json!({ "nodes": 6 }));
        let shutdown = async { stopped.await.unwrap_or_default() };
        let server = run(listener, options, State::new(3), wanted_tx, report_rx, saver_tx, extra, shutdown);
        Running { address, saver, wanted, report, stop, server: tokio::spawn(server) }
    }

    /// Sends requests over one connection and gives the status and the body of each answer.
    async fn exchange(address: std::net::SocketAddr, requests: &[String]) -> Vec<(u16, String)> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answers = Vec::new();
        for request in requests {
            stream.write_all(request.as_bytes()).await.unwrap();
            answers.push(read_answer(&mut stream).await);
        }
        answers
    }

    async fn read_answer(stream: &mut TcpStream) -> (u16, String) {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length: usize =
                    head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
                if body.len() >= length {
                    return (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned());
                }
            }
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "closed after {text}");
            bytes.extend_from_slice(&chunk[..count]);
        }
    }

    fn post(headers: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn create() -> String {
        let body = "Action=CreateReplicationGroup&Version=2015-02-02&ReplicationGroupId=a&ReplicationGroupDescription=b\
                    &CacheNodeType=cache.t4g.micro&NumNodeGroups=1&ReplicasPerNodeGroup=0&ClusterMode=enabled";
        post("", body)
    }

    #[tokio::test]
    async fn one_connection_carries_many_calls_and_each_is_counted() {
        let running = start(ServerOptions { without_nodes: true, ..ServerOptions::default() }).await;
        let call = post("", "Action=DescribeVpcs&Version=2016-11-15");
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let requests = [call.clone(), call, get("/_shardform/calls"), get("/_shardform/health"), get("/_shardform/x")];
        let answers = exchange(running.address, &requests).await;
        assert!(answers[0].1.contains("<isDefault>true</isDefault>"));
        assert_eq!(answers[2].1, r#"{"calls":{"ec2:DescribeVpcs":2}}"#);
        assert!(answers[3].1.contains(r#""nodes":6"#) && answers[3].1.contains(r#""status":"ready""#));
        assert_eq!(answers[4].0, 404);
        running.stop.send(()).unwrap();
        running.server.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn web_pages_and_large_bodies_are_refused() {
        let running = start(ServerOptions::default()).await;
        let page = post("Origin: http://example.com\r\n", "Action=DescribeVpcs");
        assert_eq!(exchange(running.address, &[page]).await[0].0, 403);
        let image = "GET /?Action=DescribeVpcs HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
        assert_eq!(exchange(running.address, &[image]).await[0].0, 403);
        let rebound = "GET /_shardform/health HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned();
        assert_eq!(exchange(running.address, &[rebound]).await[0].0, 403);
        let large = post("", &"x".repeat(LARGEST_BODY + 1));
        assert_eq!(exchange(running.address, &[large]).await[0].0, 413);
        let other = "DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
        assert_eq!(exchange(running.address, &[other]).await[0].0, 405);
    }

    #[tokio::test]
    async fn the_fleet_gets_what_is_wanted_and_the_store_what_changed() {
        let mut running = start(ServerOptions::default()).await;
        running.saver.borrow_and_update();
        assert_eq!(exchange(running.address, &[create()]).await[0].0, 200);
        running.saver.changed().await.unwrap();
        let wanted = running.wanted.borrow().clone();
        let (key, cluster) = wanted.clusters.iter().next().unwrap();
        let mut report = FleetReport::default();
        let reached = super::super::wanted::ClusterReport {
            reached: cluster.generation,
            endpoint: Some(([127, 0, 0, 1], 7000).into()),
            ..Default::default()
        };
        report.clusters.insert(key.clone(), reached);
        running.report.send_replace(report);
        running.saver.changed().await.unwrap();
        let describe = post("", "Action=DescribeReplicationGroups&Version=2015-02-02");
        let answer = exchange(running.address, &[describe]).await.remove(0).1;
        assert!(answer.contains("<Status>available</Status>") && answer.contains("<Port>7000</Port>"), "{answer}");
    }

    /// A body that never comes.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_not_waited_for_for_ever() {
        assert_eq!(read_body(Silent).await, Err((408, "the request body did not arrive in time")));
        assert_eq!(read_body(Full::new(Bytes::from_static(b"a"))).await, Ok(Bytes::from_static(b"a")));
    }

    #[tokio::test]
    async fn a_connection_that_does_not_end_is_ended_after_the_farewell() {
        let running = start(ServerOptions::default()).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nA").await.unwrap();
        // An answer to another means that this one is under way.
        exchange(running.address, &[post("", "Action=DescribeVpcs&Version=2016-11-15")]).await;
        running.stop.send(()).unwrap();
        running.server.await.unwrap().unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn the_fleet_hears_at_the_start_that_nothing_is_wanted() {
        let mut running = start(ServerOptions::default()).await;
        tokio::time::timeout(Duration::from_secs(5), running.wanted.changed()).await.unwrap().unwrap();
        assert_eq!(*running.wanted.borrow(), Wanted::default());
    }

    #[tokio::test]
    async fn the_clock_moves_a_group_without_nodes_and_the_store_hears_of_it() {
        let options = ServerOptions { without_nodes: true, time_scale: 0.02, ..ServerOptions::default() };
        let mut running = start(options).await;
        let health = "GET /_shardform/health HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
        let answers = exchange(running.address, &[health.clone(), create(), health]).await;
        assert!(answers[0].1.contains(r#""clusters":[]"#), "{}", answers[0].1);
        let clusters = r#""clusters":[{"id":"a","region":"us-east-1","status":"creating"}]"#;
        assert!(answers[2].1.contains(clusters), "{}", answers[2].1);
        let is_settled = |state: &Arc<State>| state.next_due().is_none() && !state.regions.is_empty();
        tokio::time::timeout(Duration::from_secs(5), running.saver.wait_for(is_settled)).await.unwrap().unwrap();
        assert!(running.wanted.borrow().clusters.is_empty());
    }

    #[tokio::test]
    async fn a_failover_is_asked_for_and_told_on_the_wire() {
        let options = ServerOptions { without_nodes: true, time_scale: 0.02, ..ServerOptions::default() };
        let mut running = start(options).await;
        let call = |rest: &str| post("", &format!("Version=2015-02-02&Action={rest}"));
        let ask = |node_group: &str| call(&format!("TestFailover&ReplicationGroupId=a&NodeGroupId={node_group}"));
        let create = create().replace("ReplicasPerNodeGroup=0", "ReplicasPerNodeGroup=1");
        assert_eq!(exchange(running.address, &[create]).await[0].0, 200);
        let is_settled = |state: &Arc<State>| state.next_due().is_none() && !state.regions.is_empty();
        tokio::time::timeout(Duration::from_secs(5), running.saver.wait_for(is_settled)).await.unwrap().unwrap();
        let refused = |answer: &(u16, String)| {
            let code = answer.1.split("<Code>").nth(1).and_then(|rest| rest.split('<').next());
            (answer.0, code.unwrap_or_default().to_owned())
        };
        let answers = exchange(running.address, &[ask("0009"), ask("x"), call("TestFailover"), ask("0001")]).await;
        assert_eq!(refused(&answers[0]), (404, "NodeGroupNotFoundFault".to_owned()));
        assert_eq!(refused(&answers[1]), (400, "InvalidParameterValue".to_owned()));
        assert_eq!(refused(&answers[2]), (400, "MissingParameter".to_owned()));
        let (status, answer) = &answers[3];
        assert!(answer.contains("<TestFailoverResult><ReplicationGroup><ReplicationGroupId>a<"), "{answer}");
        assert_eq!((*status, answer.matches("<Status>modifying</Status>").count()), (200, 2), "{answer}");
        tokio::time::timeout(Duration::from_secs(5), running.saver.wait_for(is_settled)).await.unwrap().unwrap();
        let events = exchange(running.address, &[call("DescribeEvents")]).await.remove(0).1;
        let told: Vec<&str> = events.split("<Message>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        let failover = "Failover from primary node a-0001-001 to replica node a-0001-002 completed";
        assert_eq!(
            told[told.len() - 5..],
            [
                "Test Failover API called for node group 0001",
                failover,
                failover,
                "Recovering cache nodes 0001",
                "Finished recovery for cache nodes 0001"
            ]
        );
    }
}
