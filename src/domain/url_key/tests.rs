//! Addresses that are one place, and such that are not.

use super::*;

fn key(url: &str) -> String {
    url_key(&url.parse().unwrap())
}

#[track_caller]
fn one(pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert_eq!(key(one), key(other), "{one} {other}");
    }
}

#[track_caller]
fn two(pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert_ne!(key(one), key(other), "{one} {other}");
    }
}

#[test]
fn the_same_place_has_one_key() {
    one(&[
        ("http://www.example.com/a/", "https://example.com/a"),
        ("https://example.com/a?utm_source=x&b=1", "https://example.com/a?b=1&fbclid=y"),
        ("https://example.com/a?b=1&a=2", "https://example.com/a?a=2&b=1#top"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:443/a", "http://example.com:80/a"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://EXAMPLE.com/a", "https://example.com/a"),
        ("https://example.com//a///b//", "https://example.com/a/b"),
        ("https://example.com/a/index.html", "https://example.com/a/"),
        ("https://example.com/index.php?p=7", "https://example.com/?p=7"),
        ("https://example.com/Default.aspx?id=7", "https://example.com/?id=7"),
        ("https://example.com/index.php/2026/03/a/", "https://example.com/2026/03/a/"),
        ("https://example.com/a;jsessionid=4F2A?id=1", "https://example.com/a?id=1"),
        ("https://example.com/a?", "https://example.com/a"),
        ("https://example.com/a?p=1&amp;utm_source=x&amp;b=2", "https://example.com/a?p=1&b=2"),
    ]);
    two(&[
        ("https://example.com/a?p=1", "https://example.com/a?p=2"),
        ("https://example.com/?id=1", "https://example.com/?id=2"),
        ("https://example.com/?id=1", "https://example.com/"),
        ("https://example.com/a", "https://example.com/b"),
        ("https://example.com/a", "https://example.com/A"),
        ("https://example.com/#!/a", "https://example.com/#!/b"),
        ("https://example.com/#/a", "https://example.com/"),
        ("https://a.example.com/", "https://b.example.com/"),
        ("https://example.com:8080/a", "https://example.com/a"),
        ("https://example.com/index", "https://example.com/"),
        ("https://example.com/a/index.html?p=1", "https://example.com/a/index.html?p=2"),
        ("https://example.com/reindex.html", "https://example.com/"),
    ]);
}

#[test]
fn tracking_does_not_tell_posts_apart() {
    for parameter in "utm_source=rss UTM_Campaign=x fbclid=1 gclid=1 gbraid=1 wbraid=1 msclkid=1 twclid=1 ttclid=1 \
                      li_fat_id=1 yclid=1 ysclid=1 igsh=1 igshid=1 epik=1 rdt_cid=1 mc_cid=1 mc_eid=1 pk_campaign=1 \
                      mtm_source=1 matomo_kwd=1 hsa_cam=1 _hsenc=1 __hssc=1 hsCtaTracking=1 s_kwcid=1 ef_id=1 vero_id=1 \
                      oly_enc_id=1 __s=1 ck_subscriber_id=1 bxid=1 elqTrackId=1 mkt_tok=1 trk=1 trk_contact=1 at_medium=1 \
                      cmpid=1 ncid=1 ito=1 wt_mc=1 WT.mc_id=1 spm=1 scm=1 share_from=1 NaPm=1 n_media=1 n_query=%EA%B0%80 \
                      fromRss=true trackingCode=rss source=rss----abc---4 source=rss_feed ref=rss ref=newsletter-12 \
                      from=rss partner=rss emc=rss isFreemail=true replytocom=12 PHPSESSID=1 amp_js_v=0.1 xtor=RSS-1 \
                      _ga=1.2 _gl=1 srsltid=1 guccounter=1 ocid=rss vgo_ee=1 _openstat=1 dicbo=1 irclickid=1"
        .split(' ')
    {
        let tracked = format!("https://example.com/a?p=7&{parameter}");
        assert_eq!(key(&tracked), key("https://example.com/a?p=7"), "{parameter}");
    }
    for parameter in "source=guardian ref=main from=seoul m=3 track=3 share=42 amp=3 page=2 cid=4 view=list output=pdf \
                      utm=1 mode=rss2 t=90s v=abc no=12 category=3 mc=1 trackid=3 wt=1"
        .split(' ')
    {
        let told = format!("https://example.com/a?p=7&{parameter}");
        assert_ne!(key(&told), key("https://example.com/a?p=7"), "{parameter}");
    }
}

#[test]
fn the_amp_form_of_a_page_is_that_page() {
    one(&[
        ("https://example.com/2026/a/amp/", "https://example.com/2026/a/"),
        ("https://example.com/a/amp", "https://example.com/a"),
        ("https://example.com/a.amp", "https://example.com/a"),
        ("https://example.com/a.amp.html", "https://example.com/a.html"),
        ("https://example.com/a/amp.html", "https://example.com/a"),
        ("https://example.com/amp/2026/a", "https://example.com/2026/a"),
        ("https://example.com/a?amp", "https://example.com/a"),
        ("https://example.com/?p=7&amp=1", "https://example.com/?p=7"),
        ("https://example.com/a?outputType=amp", "https://example.com/a"),
        ("https://example.com/a?noamp=mobile", "https://example.com/a"),
        ("https://amp.example.com/a", "https://www.example.com/a"),
        ("https://example-com.cdn.ampproject.org/c/s/example.com/a", "https://example.com/a"),
        ("https://example-com.cdn.ampproject.org/v/s/www.example.com/a/amp/?amp_js_v=0.1", "https://example.com/a"),
        ("https://cdn.ampproject.org/c/example.com/a?p=1", "http://example.com/a?p=1"),
        ("https://www.google.com/amp/s/example.com/a/amp/", "https://example.com/a"),
        ("https://www.google.co.kr/amp/s/m.example.com/a", "https://example.com/a"),
    ]);
    two(&[
        ("https://example.com/amp", "https://example.com/"),
        ("https://example.com/amp/fender", "https://example.com/fender"),
        ("https://example.com/a/amps", "https://example.com/a"),
        ("https://example.com/vamp", "https://example.com/v"),
        ("https://example.com/.amp", "https://example.com/"),
        ("https://amp.dev/a", "https://dev/a"),
        ("https://notampproject.org/c/s/example.com/a", "https://example.com/a"),
        ("https://example.com/amp/s/example.org/a", "https://example.org/a"),
        ("https://www.google.com/amp/s/", "https://www.google.com/"),
    ]);
}

#[test]
fn the_mobile_form_of_a_page_is_that_page() {
    one(&[
        ("https://m.example.com/a", "https://example.com/a"),
        ("https://mobile.example.co.kr/a", "https://www.example.co.kr/a"),
        ("https://www.m.example.com/a", "https://example.com/a"),
        ("https://name.blogspot.com/2026/03/a.html?m=1", "https://name.blogspot.com/2026/03/a.html"),
        ("https://example.com/2026/03/a.html?m=0", "https://example.com/2026/03/a.html"),
        ("https://m.blog.naver.com/name/223", "https://blog.naver.com/name/223"),
        ("https://blog.naver.com/PostView.naver?blogId=name&logNo=223", "https://blog.naver.com/name/223"),
        (
            "https://m.blog.naver.com/PostView.nhn?blogId=name&logNo=223&proxyReferer=",
            "https://blog.naver.com/name/223",
        ),
        ("https://blog.naver.com/name?Redirect=Log&logNo=223", "https://blog.naver.com/name/223"),
        ("https://blog.naver.com/name/223?fromRss=true&trackingCode=rss", "http://blog.naver.com/name/223"),
        ("https://name.tistory.com/m/123", "https://name.tistory.com/123"),
        ("https://name.tistory.com/m/entry/a", "https://name.tistory.com/entry/a"),
        ("https://name.tistory.com/123?category=45", "https://name.tistory.com/123"),
    ]);
    two(&[
        ("https://m.example/a", "https://example/a"),
        ("https://m.co.kr/a", "https://co.kr/a"),
        ("https://m.co.kr/a", "https://www.co.kr/a"),
        ("https://m.tistory.com/1", "https://tistory.com/1"),
        ("https://mobile.blogspot.com/a", "https://blogspot.com/a"),
        ("https://mobile.blogspot.co.kr/a", "https://blogspot.co.kr/a"),
        ("https://amp.github.io/a", "https://github.io/a"),
        ("https://mx.example.com/a", "https://example.com/a"),
        ("https://example.com/m/123", "https://example.com/123"),
        ("https://example.com/?y=2026&m=1", "https://example.com/?y=2026&m=2"),
        ("https://example.com/archive?m=1", "https://example.com/archive"),
        ("https://blog.naver.com/name/223", "https://blog.naver.com/name/224"),
        ("https://blog.naver.com/name/223", "https://blog.naver.com/other/223"),
        (
            "https://blog.naver.com/PostView.naver?blogId=name&logNo=1",
            "https://blog.naver.com/PostView.naver?blogId=name&logNo=2",
        ),
        ("https://name.tistory.com/?category=45", "https://name.tistory.com/"),
        ("https://name.tistory.com/m", "https://name.tistory.com/"),
    ]);
}

#[test]
fn letters_are_the_same_however_they_are_encoded() {
    one(&[
        ("https://example.com/%EA%B0%80%EB%82%98", "https://example.com/가나"),
        ("https://example.com/%ea%b0%80", "https://example.com/%EA%B0%80"),
        ("https://example.com/%61%2Db", "https://example.com/a-b"),
        ("https://example.com/a%2fb", "https://example.com/a%2Fb"),
        ("https://example.com/%E1%84%80%E1%85%A1", "https://example.com/%EA%B0%80"),
        ("https://example.com/?t=%EA%B0%80+b", "https://example.com/?t=가%20b"),
        ("https://example.com/?t=%b0%a1", "https://example.com/?t=%B0%A1"),
        ("https://xn--2i0b10rqve.example/a", "https://블로그.example/a"),
        ("https://example.com/(a)%20%3A%20b", "https://example.com/%28a%29 : b"),
        ("https://example.com/it%27s", "https://example.com/it's"),
    ]);
    two(&[
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com/a%3Fp=1", "https://example.com/a?p=1"),
        ("https://example.com/?t=a%26b=c", "https://example.com/?t=a&b=c"),
        ("https://example.com/%B0%A1", "https://example.com/%B0%A2"),
        ("https://example.com/?t=%B0%A1", "https://example.com/?t=%B0%A2"),
        ("https://example.com/가", "https://example.com/나"),
        ("https://example.com/50%25", "https://example.com/50"),
    ]);
    let long = |end: &str| key(&format!("https://example.com/{}{end}", "가".repeat(2_000)));
    assert!(long("a").len() <= LONGEST && long("a").starts_with("example.com/가") && long("a") != long("b"));
}

proptest::proptest! {
    #[test]
    fn a_key_is_a_place_of_its_own(path in "[a-z0-9%/._~가-힣-]{0,30}", query in "[a-z0-9=&%+가-힣]{0,30}") {
        let url = format!("https://example.com/{path}?{query}");
        let once = key(&url);
        proptest::prop_assert_eq!(key(&format!("http://www.{once}")), once);
    }
}
