//! Replies of set commands, byte for byte, and what they leave in the books.

use super::super::testing::Desk;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// The members of a reply, in order.
fn members(reply: &str) -> Vec<String> {
    let mut members: Vec<String> = reply.split(' ').skip(2).step_by(2).map(str::to_owned).collect();
    members.sort();
    members
}

#[test]
fn members_come_and_go() {
    let mut desk = Desk::new();
    desk.expect("sadd s 3 1 2 1", ":3");
    desk.expect("smembers s", "*3 $1 1 $1 2 $1 3");
    desk.expect("object encoding s", "$6 intset");
    desk.expect("sadd s x", ":1");
    desk.expect("object encoding s", "$9 hashtable");
    desk.expect("smismember s 1 9 x", "*3 :1 :0 :1");
    desk.expect("sismember s x", ":1");
    desk.expect("scard s", ":4");
    desk.expect("srem s 1 2 3 x y", ":4");
    desk.expect("exists s", ":0");
    desk.expect("smismember s 1 2", "*2 :0 :0");
    desk.expect("smembers s", "*0");
}

#[test]
fn sets_are_combined() {
    let mut desk = Desk::new();
    desk.expect("sadd a 1 2 3", ":3");
    desk.expect("sadd b 2 3 4", ":3");
    desk.expect("sinter a b", "*2 $1 2 $1 3");
    desk.expect("sinter a none", "*0");
    desk.expect("sunion a b none", "*4 $1 1 $1 2 $1 3 $1 4");
    desk.expect("sdiff a b", "*1 $1 1");
    desk.expect("sdiff none a", "*0");
    desk.expect("sdiff a none b a", "*0");
    desk.expect("sdiffstore a a a", ":0");
    desk.expect("exists a", ":0");
}

#[test]
fn what_is_in_all_is_counted_up_to_a_limit() {
    let mut desk = Desk::new();
    desk.expect("sadd a 1 2 3", ":3");
    desk.expect("sadd b 2 3 4", ":3");
    desk.expect("sintercard 2 a b limit 1", ":1");
    desk.expect("sintercard 2 a b limit 0", ":2");
    desk.expect("sintercard 2 a b LIMIT 9", ":2");
    desk.expect("sintercard 2 a b", ":2");
    desk.expect("sintercard 2 a none", ":0");
    desk.expect("sintercard 3 a b", "-ERR Number of keys can't be greater than number of args");
    for wrong in ["0", "-1", "a"] {
        desk.expect(&format!("sintercard {wrong} a b"), "-ERR numkeys should be greater than 0");
    }
    for wrong in ["-1", "a"] {
        desk.expect(&format!("sintercard 1 a limit {wrong}"), "-ERR LIMIT can't be negative");
    }
    desk.expect("sintercard 1 a limit", "-ERR syntax error");
    desk.expect("sintercard 1 a b", "-ERR syntax error");
}

#[test]
fn another_type_is_refused_wherever_it_is() {
    let mut desk = Desk::new();
    desk.expect("set text x", "+OK");
    desk.expect("sadd s 1", ":1");
    for command in [
        "sadd text 1",
        "srem text 1",
        "scard text",
        "sismember text 1",
        "smismember text 1",
        "smembers text",
        "spop text",
        "spop text 0",
        "srandmember text",
        "srandmember text 1",
        "sscan text 0",
        "smove text s 1",
        "smove s text 1",
        "smove s text 2",
        "sinter none text",
        "sunion s text",
        "sdiff none text",
        "sinterstore d none text",
        "sunionstore d s text",
        "sdiffstore d s text",
        "sintercard 2 none text",
    ] {
        desk.expect(command, WRONG_TYPE);
    }
    desk.expect("smove none text 1", ":0");
    desk.expect("sunionstore text s", ":1");
    desk.expect("type text", "+set");
}

#[test]
fn members_move() {
    let mut desk = Desk::new();
    desk.expect("sadd a x y", ":2");
    desk.expect("smove a b x", ":1");
    desk.expect("smove a b x", ":0");
    desk.expect("smove b b x", ":1");
    desk.expect("smove b b z", ":0");
    let marks = desk.marks("smove a b y");
    assert_eq!((marks.dirty, marks.hits, marks.events.as_str()), (2, 0, "srem a, del a, sadd b"));
    assert_eq!(members(&desk.ask("smembers b")), ["x", "y"]);
    desk.expect("sadd c x", ":1");
    let marks = desk.marks("smove c b x");
    assert_eq!((marks.dirty, marks.events.as_str(), marks.instead), (1, "srem c, del c", None));
}

#[test]
fn members_are_drawn() {
    let mut desk = Desk::new();
    desk.expect("sadd s x", ":1");
    desk.expect("srandmember s", "$1 x");
    desk.expect("srandmember s -3", "*3 $1 x $1 x $1 x");
    desk.expect("srandmember s 3", "*1 $1 x");
    desk.expect("srandmember none", "$-1");
    desk.expect("srandmember none 3", "*0");
    desk.expect("srandmember s 1 2", "-ERR syntax error");
    let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    desk.expect("srandmember s -9223372036854775808", range);
    (0..40).for_each(|number| desk.expect(&format!("sadd s m{number}"), ":1"));
    for count in [1, 5, 30, 41, 50] {
        let mut drawn = members(&desk.ask(&format!("srandmember s {count}")));
        drawn.dedup();
        assert_eq!(drawn.len(), count.min(41));
    }
}

#[test]
fn members_are_taken_at_random() {
    let mut desk = Desk::new();
    desk.expect("sadd s x", ":1");
    desk.expect("spop s 0", "*0");
    desk.expect("spop s 5", "*1 $1 x");
    desk.expect("spop s", "$-1");
    desk.expect("spop s 1", "*0");
    desk.expect("spop s -1", "-ERR value is out of range, must be positive");
    desk.expect("spop s x", "-ERR value is out of range, must be positive");
    desk.expect("spop s 1 2", "-ERR syntax error");
    let all: Vec<String> = (0..50).map(|number| format!("m{number}")).collect();
    desk.ask(&format!("sadd s {}", all.join(" ")));
    let mut taken = members(&desk.ask("spop s 7"));
    taken.extend(members(&desk.ask("spop s 40")));
    assert_eq!(taken.len(), 47);
    desk.expect("scard s", ":3");
    taken.extend(members(&desk.ask("spop s 3")));
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 50);
    assert!(!desk.has("s"));
}

#[test]
fn a_few_integers_that_are_left_are_compact_again() {
    for seed in 0..20 {
        let mut desk = Desk::new();
        desk.engine.random.seed(seed);
        desk.ask("sadd s 1 2 3 4 5 6 7 8 9 10 11 x");
        desk.ask("spop s 10");
        let left = members(&desk.ask("smembers s"));
        let encoding = if left.contains(&"x".to_owned()) { "$9 hashtable" } else { "$6 intset" };
        desk.expect("object encoding s", encoding);
    }
}

#[test]
fn what_was_taken_is_told() {
    let mut desk = Desk::new();
    desk.expect("sadd s x", ":1");
    let marks = desk.marks("spop s");
    assert_eq!((marks.dirty, marks.events.as_str()), (1, "spop s, del s"));
    assert_eq!(marks.instead, Some(vec!["SREM s x".to_owned()]));
    desk.ask("sadd s 1 2 3");
    let marks = desk.marks("spop s 3");
    assert_eq!((marks.dirty, marks.events.as_str()), (3, "spop s, del s"));
    assert_eq!(marks.instead, Some(vec!["DEL s".to_owned()]));
    desk.ask("sadd s 1 2 3");
    let marks = desk.marks("spop s 2");
    assert_eq!((marks.dirty, marks.events.as_str()), (2, "spop s"));
    let told = marks.instead.unwrap().concat();
    desk.ask("sadd copy 1 2 3");
    desk.ask(&told.replace(" s ", " copy "));
    assert_eq!(desk.ask("smembers copy"), desk.ask("smembers s"));
    let marks = desk.marks("spop none");
    assert_eq!((marks.dirty, marks.events.as_str(), marks.instead), (0, "", None));
}

#[test]
fn changes_are_told() {
    let mut desk = Desk::new();
    let marks = desk.marks("sadd s a b a");
    assert_eq!((marks.dirty, marks.events.as_str(), marks.instead), (2, "sadd s", None));
    let marks = desk.marks("sadd s a");
    assert_eq!((marks.dirty, marks.events.as_str()), (0, ""));
    for (command, event) in [
        ("sinterstore d s s", "sinterstore d"),
        ("sunionstore d s none", "sunionstore d"),
        ("sdiffstore d s none", "sdiffstore d"),
    ] {
        let marks = desk.marks(command);
        // The class of misses is among those that are wanted.
        let events = marks.events.replace("keymiss none, ", "");
        assert_eq!((marks.dirty, events.as_str(), marks.instead), (1, event, None), "{command}");
    }
    let marks = desk.marks("sdiffstore d s s");
    assert_eq!((marks.dirty, marks.hits, marks.events.as_str()), (1, 2, "del d"));
    let marks = desk.marks("sdiffstore d s s");
    assert_eq!((marks.dirty, marks.events.as_str()), (0, ""));
    let marks = desk.marks("srem s a b c");
    assert_eq!((marks.dirty, marks.events.as_str()), (2, "srem s, del s"));
}

#[test]
fn a_stored_set_has_no_time_of_expiry() {
    let mut desk = Desk::new();
    desk.expect("set d x ex 100", "+OK");
    desk.expect("sadd s a", ":1");
    desk.expect("sunionstore d s", ":1");
    desk.expect("ttl d", ":-1");
}

#[test]
fn resp3_has_sets() {
    let mut desk = Desk::new();
    let client = desk.connect(true);
    desk.expect("sadd s 1", ":1");
    for command in ["smembers s", "sinter s s", "sunion s", "sdiff s"] {
        assert_eq!(desk.ask_as(client, command), "~1 $1 1", "{command}");
    }
    for command in ["smembers none", "sinter s none", "sunion none", "sdiff none s", "spop none 1", "spop s 0"] {
        assert_eq!(desk.ask_as(client, command), "~0", "{command}");
    }
    assert_eq!(desk.ask_as(client, "srandmember s 1"), "*1 $1 1");
    assert_eq!(desk.ask_as(client, "srandmember none"), "_");
    assert_eq!(desk.ask_as(client, "spop none"), "_");
    assert_eq!(desk.ask_as(client, "spop s 1"), "~1 $1 1");
}

#[test]
fn members_are_gone_through() {
    let mut desk = Desk::new();
    desk.expect("sadd s 1 2 11", ":3");
    desk.expect("sscan s 0 match 1* count 1", "*2 $1 0 *2 $1 1 $2 11");
    desk.expect("sscan none 0 nonsense", "*2 $1 0 *0");
    desk.expect("sscan s x", "-ERR invalid cursor");
    desk.expect("sscan s 0 type set", "-ERR syntax error");
}
