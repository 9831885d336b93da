//! Replies of sorted-set commands, byte for byte, and clients that wait.

use super::super::testing::Desk;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_FLOAT: &str = "-ERR value is not a valid float";
const BAD_SCORE: &str = "-ERR min or max is not a float";
const BAD_MEMBER: &str = "-ERR min or max not valid string range item";

/// Desks with a sorted set `z`, small in the first and large in the second.
fn desks_with(pairs: &str) -> [Desk; 2] {
    let small = Desk::new();
    let large = Desk::with(|config| config.collections.zset_max_listpack_entries = 0);
    [small, large].map(|mut desk| {
        desk.ask(&format!("zadd z {pairs}"));
        desk
    })
}

#[test]
fn additions_count_what_is_new_or_changed() {
    let mut desk = Desk::new();
    desk.expect("zadd z 1 a 2 b", ":2");
    desk.expect("zadd z 1 a 3 b 4 c", ":1");
    desk.expect("zadd z ch 1 a 5 b 6 d", ":2");
    desk.expect("zadd z nx 9 a 7 e", ":1");
    desk.expect("zadd z xx ch 8 a 9 f", ":1");
    desk.expect("zadd z gt ch 1 a 9 c", ":1");
    desk.expect("zadd z lt ch 1 a 10 c", ":1");
    desk.expect("zadd missing xx 1 a", ":0");
    assert!(!desk.has("missing"));
    desk.expect("zrange z 0 -1 withscores", "*10 $1 a $1 1 $1 b $1 5 $1 d $1 6 $1 e $1 7 $1 c $1 9");
}

#[test]
fn additions_that_make_no_sense_change_nothing() {
    let mut desk = Desk::new();
    desk.expect("zadd z nx xx 1 a", "-ERR XX and NX options at the same time are not compatible");
    let compare = "-ERR GT, LT, and/or NX options at the same time are not compatible";
    desk.expect("zadd z gt lt 1 a", compare);
    desk.expect("zadd z nx gt 1 a", compare);
    desk.expect("zadd z incr 1 a 2 b", "-ERR INCR option supports a single increment-element pair");
    desk.expect("zadd z 1 a 2", SYNTAX);
    desk.expect("zadd z nx xx", SYNTAX);
    desk.expect("zadd z 1 a x b", NOT_FLOAT);
    desk.expect("zadd z nan a", NOT_FLOAT);
    assert!(!desk.has("z"));
    desk.ask("set text x");
    for command in
        ["zadd text 1 a", "zrem text a", "zscore text a", "zrange text 0 -1", "zpopmin text", "zunion 1 text"]
    {
        desk.expect(command, WRONG_TYPE);
    }
}

#[test]
fn increments_answer_the_score() {
    let mut desk = Desk::new();
    desk.expect("zincrby z 1.5 a", "$3 1.5");
    desk.expect("zadd z incr 1 a", "$3 2.5");
    desk.expect("zadd z nx incr 1 a", "$-1");
    desk.expect("zadd z gt incr -1 a", "$-1");
    desk.expect("zincrby z inf a", "$3 inf");
    desk.expect("zincrby z -inf a", "-ERR resulting score is not a number (NaN)");
    let resp3 = desk.connect(true);
    assert_eq!(desk.ask_as(resp3, "zincrby z 2 b"), ",2");
    assert_eq!(desk.ask_as(resp3, "zadd z xx incr 2 c"), "_");
}

#[test]
fn scores_ranks_and_counts_are_told() {
    for mut desk in desks_with("1 a 2 b 3 c") {
        desk.expect("zcard z", ":3");
        desk.expect("zscore z b", "$1 2");
        desk.expect("zscore z x", "$-1");
        desk.expect("zmscore z a x c", "*3 $1 1 $-1 $1 3");
        desk.expect("zmscore missing a", "*1 $-1");
        desk.expect("zrank z c", ":2");
        desk.expect("zrevrank z c", ":0");
        desk.expect("zrank z x", "$-1");
        desk.expect("zcount z (1 +inf", ":2");
        desk.expect("zcount z a b", BAD_SCORE);
        desk.expect("zlexcount z [a (c", ":2");
        desk.expect("zlexcount z a b", BAD_MEMBER);
        desk.expect("zrem z a x c", ":2");
        desk.expect("zrem z b", ":1");
        assert!(!desk.has("z"));
    }
}

#[test]
fn ranges_are_by_rank_score_or_member() {
    for mut desk in desks_with("1 a 2 b 3 c 4 d") {
        desk.expect("zrange z 1 -2", "*2 $1 b $1 c");
        desk.expect("zrange z 0 1 rev", "*2 $1 d $1 c");
        desk.expect("zrevrange z 1 1 withscores", "*2 $1 c $1 3");
        desk.expect("zrange z 5 9", "*0");
        desk.expect("zrange z (1 3 byscore", "*2 $1 b $1 c");
        desk.expect("zrange z +inf (1 byscore rev limit 1 1", "*1 $1 c");
        desk.expect("zrangebyscore z -inf inf limit 1 2", "*2 $1 b $1 c");
        desk.expect("zrangebyscore z -inf inf limit 1 -1 withscores", "*6 $1 b $1 2 $1 c $1 3 $1 d $1 4");
        desk.expect("zrangebyscore z -inf inf limit -1 2", "*0");
        desk.expect("zrevrangebyscore z 3 (1 limit 1 5", "*1 $1 b");
        desk.expect("zrangebyscore z 3 1", "*0");
        desk.expect("zrange missing 0 -1", "*0");
    }
    for mut desk in desks_with("0 a 0 aa 0 b 0 c") {
        desk.expect("zrangebylex z [aa (c", "*2 $2 aa $1 b");
        desk.expect("zrevrangebylex z + - limit 1 2", "*2 $1 b $2 aa");
        desk.expect("zrange z + [b bylex rev", "*2 $1 c $1 b");
    }
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let mut desk = Desk::new();
    let limit = "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    desk.expect("zrange z 0 -1 limit 0 1", limit);
    desk.expect("zrevrange z 0 -1 limit 0 1", limit);
    desk.expect("zrange z 0 -1 limit 0 -1", "*0");
    let scores = "-ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    desk.expect("zrange z - + bylex withscores", scores);
    desk.expect("zrange z - + bylex byscore", SYNTAX);
    desk.expect("zrevrange z 0 -1 rev", SYNTAX);
    desk.expect("zrangebyscore z 0 1 limit 1", SYNTAX);
    desk.expect("zrange z a b", "-ERR value is not an integer or out of range");
    desk.expect("zrangebyscore z a b", BAD_SCORE);
    desk.expect("zrangebylex z a b", BAD_MEMBER);
}

#[test]
fn resp3_has_pairs_of_members_and_doubles() {
    for mut desk in desks_with("1 a 2.5 b") {
        let client = desk.connect(true);
        let mut expect = |command: &str, reply: &str| assert_eq!(desk.ask_as(client, command), reply, "{command}");
        expect("zrange z 0 -1 withscores", "*2 *2 $1 a ,1 *2 $1 b ,2.5");
        expect("zscore z b", ",2.5");
        expect("zunion 1 z withscores", "*2 *2 $1 a ,1 *2 $1 b ,2.5");
        expect("zrandmember z 5 withscores", "*2 *2 $1 b ,2.5 *2 $1 a ,1");
        expect("zmpop 1 z max", "*2 $1 z *1 *2 $1 b ,2.5");
        expect("zadd z 3 b", ":1");
        expect("zpopmin z 1", "*1 *2 $1 a ,1");
        expect("zpopmin z", "*2 $1 b ,3");
        expect("zpopmin z", "*0");
    }
}

#[test]
fn a_range_is_stored_or_removed() {
    for mut desk in desks_with("1 a 2 b 3 c 4 d") {
        desk.expect("zrangestore to z 1 2", ":2");
        desk.expect("zrange to 0 -1 withscores", "*4 $1 b $1 2 $1 c $1 3");
        desk.expect("zrangestore to z 2 9 byscore limit 1 1", ":1");
        desk.expect("zrange to 0 -1", "*1 $1 c");
        desk.expect("zrangestore to z 9 9 byscore", ":0");
        assert!(!desk.has("to"));
        desk.expect("zrangestore to z 0 1 withscores", SYNTAX);
        desk.expect("zremrangebyrank z 0 0", ":1");
        desk.expect("zremrangebyscore z (3 inf", ":1");
        desk.expect("zremrangebylex z [b [b", ":1");
        desk.expect("zrange z 0 -1", "*1 $1 c");
        desk.expect("zremrangebyrank z 0 -1", ":1");
        assert!(!desk.has("z"));
    }
}

#[test]
fn several_are_put_together() {
    for mut desk in desks_with("1 a 2 b 3 c") {
        desk.ask("zadd y 10 b 20 c 30 d");
        desk.expect("zunion 2 z y withscores", "*8 $1 a $1 1 $1 b $2 12 $1 c $2 23 $1 d $2 30");
        desk.expect("zunion 2 z y weights 2 0.5 aggregate max", "*4 $1 a $1 b $1 c $1 d");
        desk.expect("zinter 2 z y aggregate min withscores", "*4 $1 b $1 2 $1 c $1 3");
        desk.expect("zdiff 2 z y withscores", "*2 $1 a $1 1");
        desk.expect("zintercard 2 z y", ":2");
        desk.expect("zintercard 2 z y limit 1", ":1");
        desk.expect("zunionstore to 2 z none weights 2 3", ":3");
        desk.expect("zrange to 0 -1 withscores", "*6 $1 a $1 2 $1 b $1 4 $1 c $1 6");
        desk.expect("zinterstore to 2 z none", ":0");
        assert!(!desk.has("to"));
        desk.expect("zdiffstore z 2 z y", ":1");
        desk.expect("zrange z 0 -1", "*1 $1 a");
    }
}

#[test]
fn opposite_infinities_add_up_to_zero() {
    for mut desk in desks_with("inf a -inf b") {
        desk.ask("zadd y -inf a -inf b");
        desk.expect("zunion 2 z y withscores", "*4 $1 b $4 -inf $1 a $1 0");
        desk.expect("zinter 1 z weights 0 withscores", "*4 $1 a $1 0 $1 b $1 0");
    }
}

#[test]
fn combinations_that_make_no_sense_are_refused() {
    let mut desk = Desk::new();
    desk.expect("zunion 0 z", "-ERR at least 1 input key is needed for 'zunion' command");
    desk.expect("zinterstore to -1 z", "-ERR at least 1 input key is needed for 'zinterstore' command");
    desk.expect("zunion 2 z", SYNTAX);
    desk.expect("zunion x z", "-ERR value is not an integer or out of range");
    desk.expect("zunion 1 z weights x", "-ERR weight value is not a float");
    desk.expect("zunion 2 z y weights 1", SYNTAX);
    desk.expect("zunion 1 z aggregate avg", SYNTAX);
    desk.expect("zunionstore to 1 z withscores", SYNTAX);
    desk.expect("zdiff 1 z weights 1", SYNTAX);
    desk.expect("zintercard 1 z limit -1", "-ERR LIMIT can't be negative");
    desk.expect("zintercard 1 z withscores", SYNTAX);
}

#[test]
fn pops_take_from_either_end() {
    for mut desk in desks_with("1 a 2 b 3 c 4 d 5 e") {
        desk.expect("zpopmin z", "*2 $1 a $1 1");
        desk.expect("zpopmax z 2", "*4 $1 e $1 5 $1 d $1 4");
        desk.expect("zpopmin z 0", "*0");
        desk.expect("zpopmin z -1", "-ERR value is out of range, must be positive");
        desk.expect("zpopmin z 1 1", SYNTAX);
        desk.expect("zmpop 2 none z min count 9", "*2 $1 z *2 *2 $1 b $1 2 *2 $1 c $1 3");
        desk.expect("zmpop 1 z min", "*-1");
        desk.expect("zpopmin z 3", "*0");
        desk.expect("zmpop 1 z least", SYNTAX);
        desk.expect("zmpop 0 z min", "-ERR numkeys should be greater than 0");
    }
}

#[test]
fn members_are_drawn_at_random() {
    for mut desk in desks_with("1 a 2 b 3 c") {
        assert!(["$1 a", "$1 b", "$1 c"].contains(&desk.ask("zrandmember z").as_str()));
        let mut pair: Vec<String> = desk.ask("zrandmember z 2").split(" $1 ").map(str::to_owned).collect();
        assert_eq!(pair.remove(0), "*2");
        assert_ne!(pair[0], pair[1]);
        assert!(desk.ask("zrandmember z -7 withscores").starts_with("*14 "));
        desk.expect("zrandmember z 9 withscores", "*6 $1 c $1 3 $1 b $1 2 $1 a $1 1");
        desk.expect("zrandmember z 0", "*0");
        desk.expect("zrandmember missing", "$-1");
        desk.expect("zrandmember missing 1", "*0");
        desk.expect("zrandmember z 1 scores", SYNTAX);
        desk.expect("zrandmember z -9223372036854775807 withscores", "-ERR value is out of range");
        let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        desk.expect("zrandmember z -9223372036854775808", range);
    }
}

#[test]
fn a_scan_shows_members_with_scores() {
    for mut desk in desks_with("1 a1 2.5 a2 3 b") {
        desk.expect("zscan z 0 match b*", "*2 $1 0 *2 $1 b $1 3");
        assert!(desk.ask("zscan z 0 count 100").starts_with("*2 $1 0 *6 "));
        desk.expect("zscan missing 0 count 0", "*2 $1 0 *0");
        desk.expect("zscan z 0 count 0", SYNTAX);
        desk.expect("zscan z x", "-ERR invalid cursor");
    }
}

#[test]
fn a_client_waits_for_a_member() {
    let mut desk = Desk::new();
    let (first, second) = (desk.connect(false), desk.connect(true));
    assert_eq!(desk.ask_as(first, "bzpopmin none z 0"), "");
    assert_eq!(desk.ask_as(second, "bzpopmax z 1"), "");
    desk.expect("zadd z 1 a 2 b 3 c", ":3");
    assert_eq!(desk.output(first), "*3 $1 z $1 a $1 1");
    assert_eq!(desk.output(second), "*3 $1 z $1 c ,3");
    desk.expect("zrange z 0 -1", "*1 $1 b");
    assert_eq!(desk.ask_as(second, "bzmpop 0.1 2 none y max"), "");
    desk.expect("zunionstore y 1 z", ":1");
    assert_eq!(desk.output(second), "*2 $1 y *1 *2 $1 b ,2");
    desk.ask_as(second, "bzpopmin y 0.1");
    desk.wait(100);
    assert_eq!(desk.output(second), "_");
    desk.expect("bzpopmin z x", "-ERR timeout is not a float or out of range");
}
