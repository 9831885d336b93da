//! Scripts run whole, with a host that knows a handful of commands.

use std::collections::HashMap;

use super::*;

/// A host with texts and lists, and notes of what it was asked.
#[derive(Default)]
struct Fake {
    texts: HashMap<Vec<u8>, Vec<u8>>,
    calls: Vec<(Vec<Vec<u8>>, CallOptions)>,
    log: Vec<(LogLevel, Vec<u8>)>,
    looks: u32,
    /// Kills the script at this look.
    kill_at: Option<u32>,
}

impl Host for Fake {
    fn call(&mut self, arguments: &[&[u8]], options: CallOptions, reply: &mut Vec<u8>) {
        self.calls.push((arguments.iter().map(|argument| argument.to_vec()).collect(), options));
        let name = arguments[0].to_ascii_lowercase();
        match (name.as_slice(), arguments.get(1..).unwrap_or_default()) {
            (b"set", [key, value]) => {
                self.texts.insert(key.to_vec(), value.to_vec());
                reply.extend_from_slice(b"+OK\r\n");
            }
            (b"get", [key]) => match self.texts.get(*key) {
                Some(value) => {
                    reply.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
                    reply.extend_from_slice(value);
                    reply.extend_from_slice(b"\r\n");
                }
                None => reply.extend_from_slice(if options.resp == 3 { b"_\r\n" } else { b"$-1\r\n" }),
            },
            (b"count", rest) => reply.extend_from_slice(format!(":{}\r\n", rest.len()).as_bytes()),
            (b"wrong", _) => reply.extend_from_slice(b"-WRONGTYPE Not that kind\r\n"),
            (b"raw", [text]) => reply.extend_from_slice(text),
            _ => reply.extend_from_slice(b"-ERR Unknown Redis command called from script\r\n"),
        }
    }

    fn is_allowed(&mut self, arguments: &[&[u8]]) -> Option<bool> {
        match arguments[0] {
            b"set" => Some(true),
            b"get" => Some(false),
            _ => None,
        }
    }

    fn log(&mut self, level: LogLevel, line: &[u8]) {
        self.log.push((level, line.to_vec()));
    }

    fn on_progress(&mut self) -> Progress {
        self.looks += 1;
        if Some(self.looks) == self.kill_at { Progress::Kill } else { Progress::Continue }
    }
}

/// Runs a script with the key `k` and the arguments `a` and `10`.
fn run_with(host: &mut Fake, body: &str, resp: u8) -> (String, Outcome) {
    let script = Scripts::new(false).load(body.as_bytes()).expect("it compiles");
    let mut out = Vec::new();
    let invocation = Invocation { keys: &[b"k"], arguments: &[b"a", b"10"], resp };
    let outcome = script.run(&invocation, host, &mut out);
    (String::from_utf8_lossy(&out).into_owned(), outcome)
}

fn run(body: &str) -> String {
    run_with(&mut Fake::default(), body, 2).0
}

fn run3(body: &str) -> String {
    run_with(&mut Fake::default(), body, 3).0
}

/// The error of a script, without the part that places it.
fn error(body: &str) -> String {
    let reply = run(body);
    assert!(reply.starts_with('-'), "{reply}");
    reply.split(" script: ").next().unwrap_or_default().trim_start_matches('-').to_owned()
}

#[test]
fn values_become_replies() {
    assert_eq!(run("return 'hello'"), "$5\r\nhello\r\n");
    assert_eq!(run("return 100.9"), ":100\r\n");
    assert_eq!(run("return -100.9"), ":-100\r\n");
    assert_eq!(run("return true"), ":1\r\n");
    assert_eq!(run("return false"), "$-1\r\n");
    assert_eq!(run("return nil"), "$-1\r\n");
    assert_eq!(run3("return nil"), "_\r\n");
    assert_eq!(run("return {1,'a',{2}}"), "*3\r\n:1\r\n$1\r\na\r\n*1\r\n:2\r\n");
    assert_eq!(run("return {1,nil,3}"), "*1\r\n:1\r\n");
    assert_eq!(run("return {ok='fine'}"), "+fine\r\n");
    assert_eq!(run("return {err='MY error'}"), "-MY error\r\n");
    assert_eq!(run("return {err='A b\\r\\nc'}"), "-A b  c\r\n");
    assert_eq!(run("return _G"), "*0\r\n");
    assert_eq!(run("return function() end"), "$-1\r\n");
    assert_eq!(run("return setmetatable({}, {__index = function() nosuch() end})"), "*0\r\n");
    assert_eq!(run("return {KEYS[1], ARGV[1], ARGV[2], #KEYS, #ARGV}").matches('$').count(), 3);
}

#[test]
fn richer_values_have_a_form_in_each_version() {
    let cases = [
        ("{double=3.141}", "$5\r\n3.141\r\n", ",3.141\r\n"),
        ("{double=1/0}", "$3\r\ninf\r\n", ",inf\r\n"),
        ("{big_number='12\\r3'}", "$4\r\n12 3\r\n", "(12 3\r\n"),
        ("{map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"),
        ("{set={a=true}}", "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"),
        ("{verbatim_string={format='txt',string='hi'}}", "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
        ("{verbatim_string={format='t',string='hi'}}", "$2\r\nhi\r\n", "=6\r\nt  :hi\r\n"),
    ];
    for (value, second, third) in cases {
        assert_eq!(run(&format!("return {value}")), second);
        assert_eq!(run3(&format!("return {value}")), third);
    }
    assert_eq!(run3("redis.setresp(3) return {true,false}"), "*2\r\n#t\r\n#f\r\n");
    assert_eq!(run("redis.setresp(3) return {true,false}"), "*2\r\n:1\r\n:0\r\n");
}

#[test]
fn replies_become_values_and_replies_again() {
    let echo = |reply: &str| format!("redis.setresp(3) return redis.call('raw', '{reply}')");
    let cases = [
        ("%1\\r\\n+f\\r\\n:1\\r\\n", "*2\r\n+f\r\n:1\r\n", "%1\r\n+f\r\n:1\r\n"),
        ("~1\\r\\n:5\\r\\n", "*1\r\n:5\r\n", "~1\r\n:5\r\n"),
        (",1.5\\r\\n", "$3\r\n1.5\r\n", ",1.5\r\n"),
        ("(123\\r\\n", "$3\r\n123\r\n", "(123\r\n"),
        ("=6\\r\\ntxt:hi\\r\\n", "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
        ("#t\\r\\n", ":1\r\n", "#t\r\n"),
        ("_\\r\\n", "$-1\r\n", "_\r\n"),
        ("|1\\r\\n+a\\r\\n+b\\r\\n+real\\r\\n", "+real\r\n", "+real\r\n"),
        ("*-1\\r\\n", ":0\r\n", "#f\r\n"),
        ("*2\\r\\n$1\\r\\na\\r\\n:2\\r\\n", "*2\r\n$1\r\na\r\n:2\r\n", "*2\r\n$1\r\na\r\n:2\r\n"),
    ];
    for (reply, second, third) in cases {
        assert_eq!(run(&echo(reply)), second, "{reply}");
        assert_eq!(run3(&echo(reply)), third, "{reply}");
    }
    assert!(error("return redis.call('raw', '*2\\r\\n')").contains("malformed"));
    assert!(error("return redis.call('raw', '')").contains("malformed"));
}

#[test]
fn commands_get_their_arguments_whole() {
    let mut host = Fake::default();
    run_with(&mut host, "redis.call('set', KEYS[1], 9007199254740991) redis.call('set', 0.1, 'a\\0\\255\\r\\n')", 2);
    let arguments: Vec<&[Vec<u8>]> = host.calls.iter().map(|(arguments, _)| arguments.as_slice()).collect();
    assert_eq!(arguments[0], [&b"set"[..], b"k", b"9007199254740991"]);
    assert_eq!(arguments[1], [&b"set"[..], b"0.10000000000000001", b"a\0\xff\r\n"]);
    assert_eq!(run("local t = {} for i = 1, 7999 do t[i] = i end return redis.call('count', unpack(t))"), ":7999\r\n");
}

#[test]
fn errors_of_commands_end_the_script_or_are_values() {
    let (reply, outcome) = run_with(&mut Fake::default(), "\nreturn redis.call('wrong')", 2);
    assert!(reply.starts_with("-WRONGTYPE Not that kind script: "), "{reply}");
    assert!(reply.ends_with(", on @user_script:2.\r\n"), "{reply}");
    assert!(outcome.errors[0].counted);
    let (reply, outcome) = run_with(&mut Fake::default(), "return {redis.pcall('wrong'), 1}", 2);
    assert_eq!(reply, "*2\r\n-WRONGTYPE Not that kind\r\n:1\r\n");
    assert_eq!(outcome.errors.len(), 1);
    let (_, outcome) = run_with(&mut Fake::default(), "redis.pcall('wrong') return 1", 2);
    assert_eq!(outcome, Outcome::default());
    assert!(!run_with(&mut Fake::default(), "return redis.error_reply('A b')", 2).1.errors[0].counted);
    assert_eq!(error("redis.call()"), "ERR Please specify at least one argument for this redis lib call");
    assert_eq!(error("redis.call({})"), "ERR Lua redis lib command arguments must be strings or integers");
    assert_eq!(
        run("return redis.pcall({}).err"),
        "$68\r\nERR Lua redis lib command arguments must be strings or integers\r\n".replace("$68", "$63")
    );
}

#[test]
fn catching_an_error_shows_what_scripts_know() {
    assert_eq!(run("return {pcall(redis.call, 'wrong')}"), "*2\r\n$-1\r\n$23\r\nWRONGTYPE Not that kind\r\n");
    assert_eq!(
        run(
            "local ok, e = xpcall(function() redis.call('wrong') end, function(e) return type(e) .. e.err end) return e"
        ),
        "$28\r\ntableWRONGTYPE Not that kind\r\n"
    );
    assert_eq!(
        run("local ok, e = coroutine.resume(coroutine.create(function() redis.call('wrong') end)) return e.err"),
        "$23\r\nWRONGTYPE Not that kind\r\n"
    );
    assert_eq!(run("return {pcall(function() return 1, 2 end)}"), "*3\r\n:1\r\n:1\r\n:2\r\n");
    assert_eq!(
        run("local ok, e = pcall(function() return nosuch end) return e"),
        "$80\r\nuser_script:1: Script attempted to access nonexistent global variable 'nosuch'\r\n"
            .replace("$80", "$78")
    );
    assert_eq!(error("error('boom')"), "ERR user_script:1: boom");
    assert_eq!(error("error({err='MY own'})"), "MY own");
    assert_eq!(error("error(redis.error_reply('X\\r\\n+INJECTED'))"), "ERR X  +INJECTED");
    assert_eq!(error("local function f() return 1 + f() end f()"), "ERR user_script:1: stack overflow");
}

#[test]
fn globals_cannot_be_changed() {
    let read_only = "ERR user_script:1: Attempt to modify a readonly table";
    let writes = [
        "a = 10",
        "_G = {}",
        "_G.x = 1",
        "redis = 1",
        "redis.call = 1",
        "redis.new = 1",
        "cjson.encode = 1",
        "cmsgpack.pack = 1",
        "bit.lshift = 1",
        "struct.pack = 1",
        "string.rep = 1",
        "math.pi = 1",
        "KEYS = {}",
        "getmetatable(_G).__index = {}",
        "getmetatable('').__index = 1",
    ];
    for write in writes {
        assert_eq!(error(write), read_only, "{write}");
    }
    for write in ["setmetatable(_G, {})", "rawset(_G, 'x', 1)", "rawset(redis, 'call', 1)"] {
        assert_eq!(error(write), "ERR Attempt to modify a readonly table", "{write}");
    }
    for name in
        ["loadfile", "dofile", "print", "newproxy", "setfenv", "getfenv", "os", "io", "require", "debug", "nosuch"]
    {
        let text = format!("ERR user_script:1: Script attempted to access nonexistent global variable '{name}'");
        assert_eq!(error(&format!("return {name}")), text);
    }
    assert_eq!(
        run("for name, library in pairs(_G) do if name == 'redis' then library = nil end end return type(redis.call)"),
        "$8\r\nfunction\r\n"
    );
    assert_eq!(run("for name in pairs(redis) do if name == 'sha1hex' then return 1 end end"), ":1\r\n");
    assert_eq!(run("return getmetatable(redis)"), "$-1\r\n");
    assert!(error("return loadstring(string.dump(function() return 1 end))()").contains("attempt to call a nil value"));
    assert_eq!(run("return loadstring('return 1 + 1')()"), ":2\r\n");
    assert!(error("loadstring('x = 1')()").contains("readonly"));
}

#[test]
fn deprecated_functions_come_on_request() {
    let mut out = Vec::new();
    let body = b"getmetatable(newproxy(true)).__gc = 1 setfenv(function() end, {}) return type(getfenv)";
    let script = Scripts::new(true).load(body).expect("it compiles");
    script.run(&Invocation { keys: &[], arguments: &[], resp: 2 }, &mut Fake::default(), &mut out);
    assert_eq!(out, b"$8\r\nfunction\r\n");
}

#[test]
fn the_server_table_answers() {
    assert_eq!(run("return redis.sha1hex('')"), "$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n");
    assert_eq!(error("redis.sha1hex()"), "ERR wrong number of arguments");
    assert_eq!(run("return redis.status_reply('FINE')"), "+FINE\r\n");
    assert_eq!(run("return redis.error_reply('')"), "-ERR \r\n");
    assert_eq!(
        run("return {redis.REPL_NONE, redis.REPL_AOF, redis.REPL_REPLICA, redis.REPL_ALL, redis.LOG_WARNING}"),
        "*5\r\n:0\r\n:1\r\n:2\r\n:3\r\n:3\r\n"
    );
    assert_eq!(run("return {redis.replicate_commands(), redis.breakpoint()}"), "*2\r\n:1\r\n$-1\r\n");
    assert_eq!(run("return {redis.acl_check_cmd('set','a'), redis.acl_check_cmd('get','a')}"), "*2\r\n:1\r\n$-1\r\n");
    assert_eq!(error("redis.acl_check_cmd('nosuch')"), "ERR Invalid command passed to redis.acl_check_cmd()");
    assert_eq!(error("redis.setresp(4)"), "ERR RESP version must be 2 or 3.");
    assert!(error("redis.set_repl(12345)").contains("Invalid replication flags"));
    let mut host = Fake::default();
    run_with(
        &mut host,
        "redis.log(redis.LOG_NOTICE, 'a', 5, 'b') redis.set_repl(redis.REPL_AOF) redis.call('count')",
        2,
    );
    assert_eq!(host.log, [(LogLevel::Notice, b"a 5 b".to_vec())]);
    assert_eq!(host.calls[0].1.propagation, Propagation { to_file: true, to_replicas: false });
}

#[test]
fn a_choice_lasts_for_one_run() {
    let script = Scripts::new(false).load(b"redis.call('count') redis.setresp(3) redis.set_repl(0)").expect("fine");
    let mut host = Fake::default();
    for _ in 0..2 {
        let mut out = Vec::new();
        script.run(&Invocation { keys: &[], arguments: &[], resp: 2 }, &mut host, &mut out);
        assert_eq!(out, b"$-1\r\n");
    }
    assert!(host.calls.iter().all(|(_, options)| *options == CallOptions { resp: 2, propagation: Propagation::ALL }));
}

#[test]
fn a_script_can_be_killed_whatever_it_catches() {
    let bodies = [
        "while true do end",
        "local f = function() while 1 do redis.call('count') end end while 1 do pcall(f) end",
        "while 1 do coroutine.resume(coroutine.create(function() while 1 do end end)) end",
        "while 1 do xpcall(function() while 1 do end end, function(e) return e end) end",
    ];
    for body in bodies {
        let mut host = Fake { kill_at: Some(2), ..Fake::default() };
        let (reply, _) = run_with(&mut host, body, 2);
        assert!(reply.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "), "{reply}");
        assert!(reply.ends_with(", on @user_script:1.\r\n"), "{reply}");
        assert_eq!(host.looks, 2);
    }
}

#[test]
fn deep_and_wide_values_do_no_harm() {
    let reply = run("local a = {} local b = {a} a[1] = b return a");
    assert!(reply.starts_with("*1\r\n*1\r\n"));
    assert!(reply.ends_with("-ERR reached lua stack limit\r\n"));
    assert!(run("local m = {} m.map = {a = m} return m").contains("-ERR reached lua stack limit"));
    assert_eq!(run("local t = {} for i = 1, 100000 do t[i] = 'x' .. i end return t").lines().count(), 200_001);
    for range in ["-2, 2147483647", "0, 2147483647", "-2147483648, -2", "1, 8000"] {
        assert!(error(&format!("return {{unpack({{1,2,3}}, {range})}}")).contains("too many results to unpack"));
    }
    assert_eq!(run("return {unpack({1,2,3}, -1, -2)}"), "*0\r\n");
    assert_eq!(run("return select('#', unpack({1,2,3}, -2147483648, -2147483646))"), ":3\r\n");
    assert_eq!(run("return select('#', unpack({1,2,3}, -1, 5))"), ":7\r\n");
    assert_eq!(error("unpack(nil)"), "ERR user_script:1: bad argument #1 to 'unpack' (table expected, got nil)");
}

#[test]
fn json_goes_both_ways() {
    assert_eq!(run("return cjson.encode({a={1,2,{c='d'}}})"), "$21\r\n{\"a\":[1,2,{\"c\":\"d\"}]}\r\n");
    assert_eq!(
        run("return table.concat(cjson.decode('[0.0, -5e3, -1, 0.3e-3, 1023.2, 0e10]'), ' ')"),
        "$26\r\n0 -5000 -1 0.0003 1023.2 0\r\n"
    );
    assert_eq!(run("return cjson.encode({cjson.null, 0.1, 1e15, {}})"), "$19\r\n[null,0.1,1e+15,{}]\r\n");
    assert_eq!(run("return cjson.decode('\"\\\\u20ac\\\\ud83d\\\\ude00\"')"), "$7\r\n€😀\r\n");
    let cases = [
        ("cjson.encode({[1]=1,[100]=1})", "Cannot serialise table: excessively sparse array"),
        ("cjson.encode({[true]=1})", "Cannot serialise boolean: table key must be a number or string"),
        ("cjson.encode(0/0)", "Cannot serialise number: must not be NaN or Inf"),
        ("cjson.encode()", "bad argument #1 to 'encode' (expected 1 argument)"),
        ("local a = {} a[1] = a cjson.encode(a)", "Cannot serialise, excessive nesting (1001)"),
        ("cjson.decode(string.rep('[', 1001))", "Found too many nested data structures (1001) at character 1001"),
        ("cjson.decode('[1,')", "Expected value but found T_END at character 4"),
        ("cjson.decode('{\"a\" 1}')", "Expected colon but found T_NUMBER at character 6"),
        ("cjson.decode('\"\\\\ud83d\"')", "Expected value but found invalid unicode escape code at character 2"),
        ("cjson.decode('tru')", "Expected value but found invalid token at character 1"),
        (
            "cjson.encode_number_precision(15)",
            "bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14)",
        ),
    ];
    for (body, text) in cases {
        assert_eq!(error(body), format!("ERR user_script:1: {text}"));
    }
    assert_eq!(run("local t = {} for i = 1, 999 do t = {a = t} end return #cjson.encode(t)"), ":5996\r\n");
    assert_eq!(run("cjson.encode_invalid_numbers('null') return cjson.encode({0/0})"), "$6\r\n[null]\r\n");
}

#[test]
fn message_pack_goes_both_ways() {
    let hex = "local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end ";
    let packed = |value: &str| run(&format!("{hex} return hex(cmsgpack.pack({value}))"));
    assert_eq!(packed("0.1"), "$18\r\ncb3fb999999999999a\r\n");
    assert_eq!(packed("-1099511627776"), "$18\r\nd3ffffff0000000000\r\n");
    assert_eq!(
        packed("1, 128, 256, 65536, -33, 0.5"),
        "$38\r\n01cc80cd0100ce00010000d0dfca3f000000\r\n".replace("$38", "$36")
    );
    assert_eq!(packed("{1, {a = true}, nil}"), "$12\r\n920181a161c3\r\n");
    assert_eq!(
        run("return {cmsgpack.unpack(cmsgpack.pack(1, 'a', {1, 2}, true))}"),
        "*4\r\n:1\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n:1\r\n"
    );
    assert_eq!(run("return {cmsgpack.unpack_one(cmsgpack.pack(1, 'a'), 1)}"), "*2\r\n:-1\r\n$1\r\na\r\n");
    assert_eq!(run("return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2)}"), "*3\r\n:2\r\n:1\r\n:2\r\n");
    assert_eq!(
        run("local a = {y = 5} a.x = a local re = cmsgpack.unpack(cmsgpack.pack(a)) return re.x.x.x.y"),
        ":5\r\n"
    );
    assert_eq!(error("cmsgpack.unpack('\\193')"), "ERR user_script:1: Bad data format in input.");
    assert_eq!(error("cmsgpack.unpack('\\217')"), "ERR user_script:1: Missing bytes in input.");
    assert!(error("cmsgpack.unpack(string.rep('\\145', 100000))").contains("stack overflow"));
    assert!(error("cmsgpack.unpack('\\221\\255\\255\\255\\255')").contains("Missing bytes"));
}

#[test]
fn structures_and_bits_work() {
    assert_eq!(run("return {struct.unpack('>I2i4', struct.pack('>I2i4', 258, -5))}"), "*3\r\n:258\r\n:-5\r\n:7\r\n");
    assert_eq!(run("return {struct.unpack('Bc0s', '\\3abcde\\0')}"), "*3\r\n$3\r\nabc\r\n$2\r\nde\r\n:8\r\n");
    assert_eq!(run("return struct.size('!8bd')"), ":16\r\n");
    assert_eq!(
        error("struct.unpack('i', 'ab')"),
        "ERR user_script:1: bad argument #2 to 'unpack' (data string too short)"
    );
    assert_eq!(
        run("return {bit.tobit(2^31), bit.bxor(1,2), bit.arshift(-8,2), bit.rol(1,31), bit.bnot(0)}"),
        "*5\r\n:-2147483648\r\n:3\r\n:-2\r\n:-2147483648\r\n:-1\r\n"
    );
    assert_eq!(run("return bit.tohex(65535, -2147483648)"), "$8\r\n0000FFFF\r\n");
    assert_eq!(error("bit.band('x')"), "ERR user_script:1: bad argument #1 to 'band' (number expected, got string)");
}

#[test]
fn random_numbers_follow_the_seed() {
    let seeded = "math.randomseed(ARGV[2]) return tostring(math.random())";
    assert_eq!(run(seeded), run(seeded));
    let mut scripts = Scripts::new(false);
    let script = scripts.load(b"return tostring(math.random())").expect("fine");
    let draw = || {
        let mut out = Vec::new();
        script.run(&Invocation { keys: &[], arguments: &[], resp: 2 }, &mut Fake::default(), &mut out);
        out
    };
    assert_ne!(draw(), draw());
    assert_eq!(error("math.random(0)"), "ERR user_script:1: bad argument #1 to 'random' (interval is empty)");
}

#[test]
fn scripts_are_known_by_their_digest_until_flushed() {
    let mut scripts = Scripts::new(false);
    assert_eq!(scripts.lua_memory(), 0);
    let script = scripts.load(b"return 1+1").expect("fine");
    assert_eq!(script.name(), b"a27e7e8a43702b7046d4f6a7ccf5b60cef6b9bd9");
    assert!(scripts.find(b"A27E7E8A43702B7046D4F6A7CCF5B60CEF6B9BD9").is_some());
    assert!(scripts.find(b"a27e7e8a43702b7046d4f6a7ccf5b60cef6b9bda").is_none());
    assert!(scripts.find(b"NotValidShaSUM").is_none());
    assert!(scripts.find(&[b'z'; 40]).is_none());
    assert_eq!(scripts.len(), 1);
    assert!(scripts.lua_memory() > 0);
    scripts.flush();
    assert!(scripts.is_empty());
    assert_eq!(scripts.lua_memory(), 0);
    // One that is held still runs.
    let mut out = Vec::new();
    script.run(&Invocation { keys: &[], arguments: &[], resp: 2 }, &mut Fake::default(), &mut out);
    assert_eq!(out, b":2\r\n");
}

#[test]
fn what_cannot_be_taken_in_says_why() {
    let error = |body: &[u8]| Scripts::new(false).load(body).err().expect("refused").to_string();
    assert_eq!(error(b"x = = 1"), "Error compiling script (new function): user_script:1: unexpected symbol near '='");
    assert_eq!(error(b"#!not-lua\nreturn 1"), "Unexpected engine in script shebang: #!not-lua");
    assert!(error(b"\x1bLuaQ").starts_with("Error compiling script"));
    let script = Scripts::new(false).load(b"#!lua flags=no-writes\nreturn 1").expect("fine");
    assert!(script.flags().no_writes);
}

#[test]
fn running_often_leaves_no_garbage() {
    let mut scripts = Scripts::new(false);
    let script = scripts.load(b"return redis.call('set', KEYS[1], ARGV[1])").expect("fine");
    let mut host = Fake::default();
    for _ in 0..5_000 {
        let mut out = Vec::new();
        script.run(&Invocation { keys: &[b"k"], arguments: &[b"v"], resp: 2 }, &mut host, &mut out);
        assert_eq!(out, b"+OK\r\n");
        host.calls.clear();
    }
    assert!(scripts.lua_memory() < 100 * 1024, "{}", scripts.lua_memory());
}
