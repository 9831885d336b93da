//! Replies of list commands, byte for byte, and clients that wait.

use super::super::testing::Desk;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";

/// A desk with a list of these elements.
fn desk_with(elements: &str) -> Desk {
    let mut desk = Desk::new();
    desk.ask(&format!("rpush l {elements}"));
    desk
}

#[test]
fn pushes_answer_the_length() {
    let mut desk = Desk::new();
    desk.expect("rpush l a b", ":2");
    desk.expect("lpush l c d", ":4");
    desk.expect("lrange l 0 -1", "*4 $1 d $1 c $1 a $1 b");
    desk.expect("rpushx l e", ":5");
    desk.expect("lpushx missing e", ":0");
    desk.expect("llen missing", ":0");
    desk.ask("set text x");
    for command in ["lpush text a", "rpushx text a", "llen text", "lpop text", "lrange text 0 -1", "lpos text a"] {
        desk.expect(command, WRONG_TYPE);
    }
}

#[test]
fn pops_take_one_or_as_many_as_asked() {
    let mut desk = desk_with("1 2 3 4 5");
    desk.expect("lpop l", "$1 1");
    desk.expect("rpop l 2", "*2 $1 5 $1 4");
    desk.expect("lpop l 0", "*0");
    desk.expect("lpop l 10", "*2 $1 2 $1 3");
    desk.expect("lpop l", "$-1");
    desk.expect("lpop l 1", "*-1");
    desk.expect("lpop l -1", "-ERR value is out of range, must be positive");
    desk.expect("rpop l x", "-ERR value is out of range, must be positive");
    desk.expect("rpop l 1 1", "-ERR wrong number of arguments for 'rpop' command");
}

#[test]
fn elements_are_read_by_index_from_either_end() {
    let mut desk = desk_with("a b c");
    desk.expect("lindex l 0", "$1 a");
    desk.expect("lindex l -1", "$1 c");
    desk.expect("lindex l 3", "$-1");
    desk.expect("lindex l x", NOT_INTEGER);
    desk.expect("lrange l -2 100", "*2 $1 b $1 c");
    desk.expect("lrange l -100 -50", "*0");
    desk.expect("lrange l 0 x", NOT_INTEGER);
    desk.expect("lrange missing 0 -1", "*0");
}

#[test]
fn elements_are_set_inserted_and_removed() {
    let mut desk = desk_with("a b a b a");
    desk.expect("lset l -1 c", "+OK");
    desk.expect("lset l 9 c", "-ERR index out of range");
    desk.expect("lset missing x c", "-ERR no such key");
    desk.expect("linsert l before c x", ":6");
    desk.expect("linsert l AFTER a y", ":7");
    desk.expect("linsert l after nobody y", ":-1");
    desk.expect("linsert missing after a y", ":0");
    desk.expect("linsert l beside a y", SYNTAX);
    desk.expect("lrange l 0 -1", "*7 $1 a $1 y $1 b $1 a $1 b $1 x $1 c");
    desk.expect("lrem l -1 b", ":1");
    desk.expect("lrem l 0 a", ":2");
    desk.expect("lrange l 0 -1", "*4 $1 y $1 b $1 x $1 c");
    desk.expect("ltrim l 1 -2", "+OK");
    desk.expect("lrange l 0 -1", "*2 $1 b $1 x");
    desk.expect("ltrim l 5 9", "+OK");
    desk.expect("llen l", ":0");
}

#[test]
fn positions_are_those_that_lindex_takes() {
    let mut desk = desk_with("a b c 1 2 3 c c");
    desk.expect("lpos l c", ":2");
    desk.expect("lpos l c rank 2", ":6");
    desk.expect("lpos l c rank -1 count 2", "*2 :7 :6");
    desk.expect("lpos l c count 0", "*3 :2 :6 :7");
    desk.expect("lpos l c count 0 maxlen 7", "*2 :2 :6");
    desk.expect("lpos l 2", ":4");
    desk.expect("lpos l x", "$-1");
    desk.expect("lpos l x count 1", "*0");
    desk.expect("lpos missing x count 1", "*0");
    let zero = "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    desk.expect("lpos l c rank 0", zero);
    desk.expect("lpos l c count -1", "-ERR COUNT can't be negative");
    desk.expect("lpos l c maxlen x", "-ERR MAXLEN can't be negative");
    desk.expect("lpos l c count", SYNTAX);
}

#[test]
fn an_element_moves_between_lists_or_within_one() {
    let mut desk = desk_with("a b c");
    desk.expect("lmove l m right left", "$1 c");
    desk.expect("rpoplpush l m", "$1 b");
    desk.expect("lmove m m left right", "$1 b");
    desk.expect("lrange m 0 -1", "*2 $1 c $1 b");
    desk.expect("lmove l m left left", "$1 a");
    assert!(!desk.has("l"));
    desk.expect("lmove l m left left", "$-1");
    desk.expect("lmove m l up left", SYNTAX);
    desk.ask("set text x");
    desk.expect("rpoplpush m text", WRONG_TYPE);
    desk.expect("llen m", ":3");
}

#[test]
fn the_first_list_that_has_elements_gives_them() {
    let mut desk = desk_with("a b c");
    desk.expect("lmpop 2 none l left count 2", "*2 $1 l *2 $1 a $1 b");
    desk.expect("lmpop 1 none right", "*-1");
    desk.expect("lmpop 2 l none", SYNTAX);
    desk.expect("lmpop 0 l left", "-ERR numkeys should be greater than 0");
    desk.expect("lmpop 1 l left count 0", "-ERR count should be greater than 0");
    desk.expect("lmpop 1 l left count 1 count 1", SYNTAX);
    desk.expect("lmpop 1 l middle", SYNTAX);
}

#[test]
fn a_client_waits_for_an_element_and_gets_it_first() {
    let mut desk = Desk::new();
    let (first, second) = (desk.connect(false), desk.connect(true));
    assert_eq!(desk.ask_as(first, "blpop none l 0"), "");
    assert_eq!(desk.ask_as(second, "brpop l 1"), "");
    desk.expect("rpush l a b", ":2");
    assert_eq!(desk.output(first), "*2 $1 l $1 a");
    assert_eq!(desk.output(second), "*2 $1 l $1 b");
    assert!(!desk.has("l"));
    assert_eq!(desk.ask_as(first, "blmpop 0 1 l left count 5"), "");
    desk.expect("rpush l a b", ":2");
    assert_eq!(desk.output(first), "*2 $1 l *2 $1 a $1 b");
}

#[test]
fn waiting_ends_with_nothing_when_the_time_is_over() {
    let mut desk = Desk::new();
    let (resp2, resp3) = (desk.connect(false), desk.connect(true));
    desk.ask_as(resp2, "blpop l 0.5");
    desk.ask_as(resp3, "blmove l m left right 1");
    desk.wait(499);
    assert_eq!((desk.output(resp2), desk.output(resp3)), (String::new(), String::new()));
    desk.wait(1);
    assert_eq!(desk.output(resp2), "*-1");
    desk.wait(500);
    assert_eq!(desk.output(resp3), "_");
    desk.expect("rpush l a", ":1");
    desk.expect("llen l", ":1");
    desk.expect("blpop l -1", "-ERR timeout is negative");
    desk.expect("blpop l soon", "-ERR timeout is not a float or out of range");
}

#[test]
fn a_move_that_waited_wakes_the_next_and_fails_at_the_wrong_target() {
    let mut desk = Desk::new();
    let (mover, popper) = (desk.connect(false), desk.connect(false));
    desk.ask_as(popper, "blpop m 0");
    desk.ask_as(mover, "blmove l m left right 0");
    desk.expect("rpush l a", ":1");
    assert_eq!(desk.output(mover), "$1 a");
    assert_eq!(desk.output(popper), "*2 $1 m $1 a");
    desk.ask("set text x");
    desk.ask_as(mover, "brpoplpush l text 0");
    desk.expect("rpush l a", ":1");
    assert_eq!(desk.output(mover), WRONG_TYPE);
    desk.expect("lrange l 0 -1", "*1 $1 a");
}

#[test]
fn within_a_transaction_nobody_waits() {
    let mut desk = Desk::new();
    desk.ask("multi");
    desk.ask("blpop l 0");
    desk.ask("blmove l m left left 0");
    desk.expect("exec", "*2 *-1 $-1");
}
