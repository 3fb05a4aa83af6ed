use super::*;
use std::io::Cursor;

fn rows(text: &str, rules: &Rules) -> (Format, Vec<Row>) {
    let mut roster = Roster::open(Cursor::new(text.as_bytes().to_vec()), rules).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = roster.next_row().unwrap() {
        rows.push(row);
    }
    (roster.format(), rows)
}

fn entries(text: &str) -> (Format, Vec<Entry>) {
    let (format, rows) = rows(text, &Rules::default());
    let entry = |row: Row| match row.meaning {
        Meaning::Reader(entry) => *entry,
        other => panic!("line {}: {other:?}", row.line),
    };
    (format, rows.into_iter().map(entry).collect())
}

fn refused(text: impl AsRef<[u8]>, rules: &Rules) -> String {
    let open = Roster::open(Cursor::new(text.as_ref().to_vec()), rules);
    let read = open.and_then(|mut roster| {
        while roster.next_row()?.is_some() {}
        Ok(())
    });
    read.unwrap_err().to_string()
}

/// State, when asked for, when confirmed, when ended, by what, name, tags.
fn told(entry: &Entry) -> [String; 7] {
    let at = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339_exact).unwrap_or_default();
    [
        entry.state.as_str().to_owned(),
        at(entry.created_at),
        at(entry.confirmed_at),
        at(entry.ended_at),
        entry.ended_by.clone().unwrap_or_default(),
        entry.name.clone().unwrap_or_default(),
        Tag::join(&entry.tags),
    ]
}

#[test]
fn listmonk_tells_who_is_blocked() {
    let (format, read) = entries(concat!(
        "uuid,email,name,attributes,status,created_at,updated_at\n",
        "1,ann@example.com,Ann Lee,\"{\"\"city\"\": \"\"Seoul\"\"}\",enabled,2022-03-05 10:20:30.123456 +0000 UTC,2023-01-01 00:00:00 +0000 UTC\n",
        "2,ben@example.com,Ben,{},blocklisted,2022-03-05 10:20:30 +0900 KST,2023-01-01 00:00:00.5 +0000 UTC\n",
    ));
    assert_eq!(format, Format::Listmonk);
    let asked = "2022-03-05T10:20:30Z";
    assert_eq!(told(&read[0])[..3], ["confirmed", asked, asked]);
    assert_eq!(told(&read[0])[5], "Ann Lee");
    assert_eq!(
        told(&read[1])[..5],
        [
            "unsubscribed",
            "2022-03-05T01:20:30Z",
            "2022-03-05T01:20:30Z",
            "2023-01-01T00:00:00Z",
            "blocklisted at listmonk"
        ]
    );
}

#[test]
fn mailchimp_tells_by_its_columns_who_left_and_who_is_dead() {
    let head = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TIMEZONE,LAST_CHANGED,LEID,EUID,NOTES,TAGS\n";
    let text = format!(
        "{head}ann@example.com, Ann , Lee ,2,2018-02-12 10:54:27,,2018-02-12 11:00:00,1.2.3.4,,,1,a,,\"\"\"Book club\"\",\"\"VIP, 2018\"\"\"\nshop@example.com,,,2,,,,,,,2,b,,\n"
    );
    let (format, read) = rows(&text, &Rules::default());
    assert_eq!(format, Format::Mailchimp);
    let Meaning::Reader(ann) = &read[0].meaning else { panic!("{read:?}") };
    assert_eq!(
        told(ann),
        ["confirmed", "2018-02-12T10:54:27Z", "2018-02-12T11:00:00Z", "", "", "Ann Lee", "Book club,VIP 2018"]
    );
    // Somebody who bought something and never asked for mails.
    assert!(matches!(&read[1].meaning, Meaning::Nobody(why) if why.contains("no consent")), "{read:?}");

    let (_, read) = entries(
        "Mail,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,LEID,EUID,TAGS\nben@example.com,2018-02-12 10:54:27,2018-02-12 10:54:27,2020-05-13 10:18:25,,,no longer interested,1,a,Editors\n",
    );
    assert_eq!(
        told(&read[0])[3..],
        ["2020-05-13T10:18:25Z", "unsubscribed at Mailchimp: no longer interested", "", "Editors"]
    );
    // Whoever left is remembered, although Mailchimp knows of no consent.
    let (_, read) = entries(
        "Email Address,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,LEID,EUID\nd@example.com,,,2021-05-13 10:18:25,1,a\n",
    );
    assert_eq!(told(&read[0])[..4], ["unsubscribed", "", "", "2021-05-13T10:18:25Z"]);
    let (_, read) = entries(
        "Email Address,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID\nc@example.com,2018-02-12 10:54:27,,2020-03-23 17:30:05,,,1,a\n",
    );
    assert_eq!(
        told(&read[0])[..5],
        [
            "unsubscribed",
            "2018-02-12T10:54:27Z",
            "2018-02-12T10:54:27Z",
            "2020-03-23T17:30:05Z",
            "bounced at Mailchimp"
        ]
    );
}

#[test]
fn substack_has_two_kinds_of_exports() {
    let (format, read) = entries(
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\na@example.com,false,,other,false,2018-08-27T15:06:27.713Z,\nb@example.com,true,2118-09-11T12:14:56.557Z,yearly,true,2018-08-29T20:50:03Z,\n",
    );
    assert_eq!(format, Format::Substack);
    assert_eq!(told(&read[0])[..3], ["confirmed", "2018-08-27T15:06:27.713Z", "2018-08-27T15:06:27.713Z"]);
    assert_eq!((told(&read[1])[0].as_str(), told(&read[1])[4].as_str()), ("unsubscribed", "unsubscribed at Substack"));
    let (format, read) = entries(
        "Email,Name,Stripe plan,Cancel date,Start date,Paid upgrade date,Activity,Type,Subscription source (free)\na@example.com,Ana,,,2025-01-01T00:00:00.000Z,,5,Free,direct\n",
    );
    assert_eq!(format, Format::Substack);
    assert_eq!(told(&read[0])[..3], ["confirmed", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]);
    assert_eq!(read[0].name.as_deref(), Some("Ana"));
}

#[test]
fn ghost_buttondown_and_stibee_tell_in_their_own_words() {
    let (format, read) = entries(
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n1,a@example.com,Ann,,true,false,,2024-03-01T09:30:00.000Z,,\"Book club,VIP\",\n2,b@example.com,,,false,false,,2024-03-02T09:30:00.000Z,,,\n",
    );
    assert_eq!(format, Format::Ghost);
    assert_eq!(told(&read[0])[6], "Book club,VIP");
    assert_eq!([&told(&read[1])[0], &told(&read[1])[4]], ["unsubscribed", "unsubscribed at Ghost"]);
    assert_eq!(read[1].ended_at, None, "Ghost does not tell when");

    let (format, read) = entries(
        "email_address,notes,metadata,tags,referrer_url,creation_date,secondary_id,type,source\na@example.com,,{},\"['vip', 'friends, old']\",,2023-05-06T07:08:09Z,1,regular,api\nb@example.com,,{},,,2023-05-06T07:08:09Z,2,unactivated,api\nc@example.com,,{},,,2023-05-06T07:08:09Z,3,undeliverable,api\n",
    );
    assert_eq!(format, Format::Buttondown);
    assert_eq!([&told(&read[0])[0], &told(&read[0])[6]], ["confirmed", "friends old,vip"]);
    assert_eq!(told(&read[1])[..3], ["pending", "2023-05-06T07:08:09Z", ""]);
    assert_eq!([&told(&read[2])[0], &told(&read[2])[4]], ["unsubscribed", "undeliverable at Buttondown"]);

    let (format, read) = entries(
        "\u{feff}이메일 주소,이름,추가 경로,그룹,광고성 정보 수신 동의,구독일,마지막 업데이트일,구독 해지 사유\na@example.com,김하나,구독 폼,\"독서 모임,초기 독자\",동의,2023-05-06 07:08:09,2024-01-01 00:00:00,\nb@example.com,,직접 추가,,,2023. 5. 6. 오후 3:04,2024-01-02 09:00:00,너무 자주 와요\n",
    );
    assert_eq!(format, Format::Stibee);
    // Its clock is Seoul's.
    assert_eq!(told(&read[0])[1], "2023-05-05T22:08:09Z");
    assert_eq!([&told(&read[0])[5], &told(&read[0])[6]], ["김하나", "독서 모임,초기 독자"]);
    assert_eq!(read[0].consent.as_deref(), Some("광고성 정보 수신 동의: 동의"));
    assert_eq!(
        told(&read[1])[..5],
        [
            "unsubscribed",
            "2023-05-06T06:04:00Z",
            "2023-05-06T06:04:00Z",
            "2024-01-02T00:00:00Z",
            "unsubscribed at Stibee: 너무 자주 와요"
        ]
    );
}

#[test]
fn any_table_is_read_by_what_its_owner_says_of_it() {
    let map = |text: &[(&str, Field)]| text.iter().map(|(name, field)| ((*name).to_owned(), *field)).collect();
    let rules = Rules {
        map: map(&[("Mail", Field::Email), ("joined", Field::CreatedAt), ("Gone?", Field::State)]),
        ..Rules::default()
    };
    let text =
        "Mail;Joined;Gone?;Note\nann@example.com;31.12.2019;active;\"x;y\"\nben@example.com;2020-01-02;opted out;\n";
    let (format, read) = rows(text, &rules);
    assert_eq!((format, read.len(), read[1].line), (Format::Csv, 2, 3));
    let Meaning::Reader(ann) = &read[0].meaning else { panic!() };
    assert_eq!(told(ann)[..2], ["confirmed", "2019-12-31T00:00:00Z"]);
    let Meaning::Reader(ben) = &read[1].meaning else { panic!() };
    assert_eq!(told(ben)[0], "unsubscribed");

    // A word or a date that nobody knows is no guess.
    let text = "Mail,Joined,Gone?\na@example.com,soon,active\nb@example.com,,perhaps\nc@,,\n";
    let (_, read) = rows(text, &rules);
    let why = |row: &Row| match &row.meaning {
        Meaning::Bad(why) => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&read[0]), "created_at: `soon` is not a date");
    assert!(why(&read[1]).starts_with("`perhaps` is no state that is known"), "{read:?}");
    assert!(why(&read[2]).contains("that is not a mail address"), "{read:?}");
    assert_eq!(read[2].email, "c@");
}

#[test]
fn a_list_without_a_head_is_addresses_alone() {
    let (format, read) = rows("\n# friends\nann@example.com\n\nnobody\n\"ben@example.com\"\n", &Rules::default());
    assert_eq!(format, Format::Addresses);
    let lines: Vec<_> = read.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 5, 6]);
    // Lists that were put together have a head for each.
    let (format, read) = entries("email,name\na@example.com,A\nemail,name\nb@example.com,B\n");
    assert_eq!((format, read.len()), (Format::Csv, 2));
}

#[test]
fn what_cannot_be_read_is_refused_with_one_sentence() {
    let none = Rules::default();
    for (text, why) in [
        (&b"PK\x03\x04..."[..], "unpack it"),
        (b"\xff\xfee\0", "not UTF-8"),
        (
            b"name,town\nAnn,Seoul\n",
            "no column is called `email`: say which is the address by --map COLUMN=email; there is: name, town",
        ),
        (b"email,status\na@example.com,gone\n", "the column `status` may say who left"),
        (b"\xb0\xa1\xb3\xaa,email\n", "not UTF-8"),
    ] {
        let said = refused(text, &none);
        assert!(said.contains(why), "{said}");
    }
    let rules = Rules { map: vec![("mail".to_owned(), Field::Email)], ..Rules::default() };
    assert!(refused("email\na@example.com\n", &rules).contains("no column `mail` to map; there is: email"));
    let rules = Rules { format: Some(Format::Ghost), ..Rules::default() };
    assert!(
        refused("email\na@example.com\n", &rules).contains("an export of Ghost: it has no column subscribed_to_emails")
    );
    // A quote that is never closed does not fill the memory.
    let endless = format!("email,name\na@example.com,\"{}", "x,y\n".repeat(600_000));
    assert_eq!(refused(endless, &none), "line 2: a row of more than a megabyte; is a quote not closed?");
    let endless = format!("{{\"email\":\"{}", "x".repeat(2_000_000));
    assert_eq!(refused(endless, &none), "line 1: a row of more than a megabyte; is a quote not closed?");
    // One row that is not UTF-8 is a bad row.
    let mut roster =
        Roster::open(Cursor::new(b"email,name\na@example.com,\xff\nb@example.com,B\n".to_vec()), &none).unwrap();
    let first = roster.next_row().unwrap().unwrap();
    assert!(first.line == 2 && matches!(first.meaning, Meaning::Bad(_)), "{first:?}");
    assert!(matches!(roster.next_row().unwrap().unwrap().meaning, Meaning::Reader(_)));
}

#[test]
fn reading_goes_on_from_any_row() {
    let csv = "\u{feff}email,name\n\na@example.com,\"two\nlines\"\nb@example.com,B\n# no\nc@example.com,C\n";
    let json = "{\"email\":\"a@example.com\"}\n\n{\"email\":\"b@example.com\",\"tags\":[\"x\",\"y\"]}\n{\"email\":\"c@example.com\"}";
    for text in [csv, json] {
        let open = || Roster::open(Cursor::new(text.as_bytes().to_vec()), &Rules::default()).unwrap();
        let mut all = open();
        let (mut places, mut read) = (Vec::new(), Vec::new());
        loop {
            places.push(all.place());
            let Some(row) = all.next_row().unwrap() else { break };
            read.push((row.line, row.email));
        }
        assert_eq!(read.len(), 3, "{read:?}");
        for (number, place) in places.into_iter().enumerate() {
            let mut rest = open();
            rest.go_to(place).unwrap();
            let mut from = Vec::new();
            while let Some(row) = rest.next_row().unwrap() {
                from.push((row.line, row.email));
            }
            assert_eq!(from, read[number..], "from {place:?}");
        }
    }
}
