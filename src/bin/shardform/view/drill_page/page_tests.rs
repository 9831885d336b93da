//! The page as a whole: what is on it, that it is well-formed, and that nothing of it can be turned against its reader.

use expect_test::expect_file;

use super::fixtures::{MARKUP, drill, local, odd, on_aws, too_much};
use super::*;

/// Elements, in the order in which they begin: name and attributes as they stand. Fails where they don't nest.
fn elements(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").expect("a page begins with its type");
    while let Some((text, tag)) = rest.split_once('<') {
        if open.last().is_none_or(|name| name != "style") {
            assert!(!text.contains('>'), "a lone > in {text:?}");
        }
        let (tag, after) = tag.split_once('>').expect("each tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "what is closed is what was opened last");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "attributes are quoted: {tag}");
        if let Some(leaf) = tag.strip_suffix('/') {
            found.push(leaf.to_owned());
        } else {
            open.push(tag.split(' ').next().unwrap_or_default().to_owned());
            found.push(tag.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "all is closed");
    found
}

/// An attribute's values, over all elements that have it.
fn values<'a>(elements: &'a [String], attribute: &str) -> Vec<&'a str> {
    let marker = format!(" {attribute}=\"");
    let of = |element: &'a String| element.split_once(marker.as_str()).and_then(|(_, rest)| rest.split('"').next());
    elements.iter().filter_map(of).collect()
}

fn golden(name: &str, report: &DrillReport) {
    let path = format!("{}/tests/golden/drill/{name}.html", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(&page(report));
}

#[test]
fn pages_are_as_they_were_looked_at() {
    golden("local", &local());
    golden("on-aws", &on_aws());
    golden("odd", &odd());
}

#[test]
fn every_page_is_well_formed_and_has_each_id_once() {
    for report in [local(), on_aws(), odd(), too_much(), DrillReport::default()] {
        let elements = elements(&page(&report));
        let mut ids = values(&elements, "id");
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "ids are there once");
        for labelled in values(&elements, "aria-labelledby").iter().flat_map(|names| names.split(' ')) {
            assert!(ids.contains(&labelled), "{labelled} is there");
        }
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    for report in [local(), odd()] {
        let page = page(&report);
        let elements = elements(&page);
        for element in &elements {
            let name = element.split(' ').next().unwrap_or_default();
            assert!(!["script", "img", "iframe", "object", "embed", "form", "base"].contains(&name), "{element}");
            assert!(!element.contains(" on") && !element.contains(" style="), "{element}");
        }
        for attribute in ["src", "href", "xlink:href"] {
            assert!(values(&elements, attribute).iter().all(|value| value.starts_with("#drill-")), "{attribute}");
        }
        assert_eq!(
            page.matches("url(").count(),
            page.matches("url(#pattern-").count(),
            "patterns alone are referred to"
        );
        assert!(!page.contains("@import"));
    }
}

#[test]
fn the_policy_lets_in_our_style_sheet_alone() {
    let page = page(&local());
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map(|(style, _)| style);
    let hash = STANDARD.encode(Sha256::digest(style.expect("there is a style sheet")));
    let policy = format!("default-src &#39;none&#39;; style-src &#39;sha256-{hash}&#39;;");
    assert!(page.contains(&policy), "{policy}");
}

#[test]
fn foreign_text_is_only_text() {
    let page = page(&odd());
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.matches("&lt;script&gt;alert(1)").count() >= 8);
    assert!(!page.contains(MARKUP));
}

#[test]
fn the_headings_are_in_order() {
    for report in [local(), on_aws(), odd()] {
        let elements = elements(&page(&report));
        let levels = elements.iter().filter_map(|element| match element.split(' ').next() {
            Some("h1") => Some(1),
            Some("h2") => Some(2),
            Some("h3") => Some(3),
            _ => None,
        });
        let levels: Vec<i32> = levels.collect();
        assert_eq!(levels.first(), Some(&1));
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    }
}

#[test]
fn a_drawing_has_its_lanes_and_its_words() {
    let page = page(&local());
    let elements = elements(&page);
    let lanes = values(&elements, "data-lane");
    let once = ["writes", "reads", "latency", "role", "role", "role", "events", "bystander-writes", "bystander-reads"];
    assert_eq!(lanes, [once, once].concat(), "in the wide drawing and in the narrow one");
    for text in ["call", "promoted +1.6s", "full strength +9.1s", "1.7s", "time since the call", "Writes to shard 0001"]
    {
        assert_eq!(page.matches(&format!(">{text}</text>")).count(), 2, "{text}");
    }
    for role in ["primary", "replica", "down"] {
        assert!(page.contains(&format!(">{role}</text>")), "{role} is said in a word");
    }
    assert!(page.contains("none succeeded for 1.669s, from +0.081s to +1.750s"));
}

#[test]
fn a_short_outage_in_a_long_drill_is_drawn_once_more_from_near() {
    let report = on_aws();
    let page = page(&report);
    assert_eq!(page.matches("<figcaption>Closer: the failover itself</figcaption>").count(), 2);
    assert!(!super::page(&local()).contains("Closer:"), "seconds are seen without");
}

#[test]
fn the_result_is_a_sentence_with_the_numbers_people_look_for() {
    let shown = |report: &DrillReport| result(report);
    assert_eq!(
        shown(&local()),
        "Shard 0001 failed over from day19-0001-001 to day19-0001-002: writes failed for 1.7s, and it was at full \
         strength again after 9.1s; 3 acknowledged writes were lost."
    );
    assert_eq!(
        shown(&on_aws()),
        "2 of 2 shards failed over: writes failed for 21.1s at the longest (shard 0003); full strength again after \
         8m 22s at the latest; 6 acknowledged writes were lost."
    );
    assert_eq!(shown(&DrillReport::default()), "No shard was failed over.");
    let mut still_out = odd();
    still_out.drills = vec![still_out.drills.swap_remove(2)];
    assert_eq!(
        shown(&still_out),
        "Shard 0003 failed over from day19-0003-001 to day19-0003-002: writes failed for at least 5m 17s, and it was \
         not at full strength when watching ended; 3 acknowledged writes were lost."
    );
    let mut never = odd();
    never.drills = vec![ShardDrill { lost: Vec::new(), writes: Default::default(), ..never.drills.swap_remove(1) }];
    assert_eq!(
        shown(&never),
        "Shard 0002 was not failed over: day19-0002-001 stayed primary, as far as was seen; no writes were made; \
         no acknowledged write was lost."
    );
}

#[test]
fn what_is_too_much_is_counted_and_stays_small() {
    let page = page(&too_much());
    for text in ["the first 100 of 4,000", "and 577 other answers, seen", "the first 200 of 700", "2,500 rows"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(super::page(&local()).len() < 60_000, "{} bytes", super::page(&local()).len());
}

#[test]
fn a_dozen_shards_are_a_page_too() {
    let ids: Vec<String> = (1..=12).map(|number| format!("{number:04}")).collect();
    let drills = ids.iter().zip(0_u64..).map(|(id, number)| drill(id, "0001", number * 12_000, 900, 8_000, 100));
    let page = page(&DrillReport { drills: drills.collect(), ..local() });
    assert_eq!(page.matches("href=\"#drill-").count(), 12);
    assert_eq!(page.matches("<h2 id=").count(), 12);
    assert!(page.len() < 800_000, "{} bytes", page.len());
}
