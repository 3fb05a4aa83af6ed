-- The core tables. One text for SQLite and PostgreSQL: {ID} is the one fragment
-- that differs (a row number that the database gives). Instants are BIGINT
-- milliseconds since 1970 UTC, lists are JSON in TEXT, digests are hexadecimal.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- What happened to each source; what it is stands in the configuration.
CREATE TABLE source (
    id            {ID},
    name          TEXT    NOT NULL UNIQUE,
    -- The address in the configuration; when it changes, what was learnt of the old one is dropped.
    url           TEXT    NOT NULL,
    -- The feed that was found on the page at `url`, or where a permanent redirect led.
    feed_url      TEXT,
    title         TEXT,
    link          TEXT,
    language      TEXT,
    etag          TEXT,
    last_modified TEXT,
    state         TEXT    NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'gone')),
    -- Not in the configuration any more: its posts stay, it is not polled.
    removed       BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whether a first poll has stored what was there before.
    seeded        BOOLEAN NOT NULL DEFAULT FALSE,
    next_poll_at  BIGINT  NOT NULL,
    lease_until   BIGINT  NOT NULL DEFAULT 0,
    fence         BIGINT  NOT NULL DEFAULT 0,
    polled_at     BIGINT,
    ok_at         BIGINT,
    failures      BIGINT  NOT NULL DEFAULT 0,
    -- Why the last poll failed, in plain words; NULL when it did not.
    trouble       TEXT,
    -- Since when every poll has failed.
    failing_since BIGINT,
    -- Whether the owner was told of that.
    told          BOOLEAN NOT NULL DEFAULT FALSE,
    -- The last poll found a page without what used to be on it, which is told at once.
    broken        BOOLEAN NOT NULL DEFAULT FALSE,
    -- What the last reading of a page source gave; NULL for feeds.
    harvest       TEXT,
    -- How the last document had to be mended; NULL when it was sound.
    repaired      TEXT,
    -- What the feed asks of those who poll it; NULL when it asks for nothing.
    pace          TEXT,
    -- When a feed was looked for in vain where sites keep theirs; 0 when it is to be looked for again.
    sought_at     BIGINT,
    -- A permanent redirect that is being watched before it is believed.
    moved_to      TEXT,
    moved_since   BIGINT,
    -- Raised with every change that a feed of its posts could show.
    revision      BIGINT  NOT NULL DEFAULT 0,
    -- Up to which of those the hubs of our feeds have been given something to be told.
    told_revision BIGINT  NOT NULL DEFAULT 0,
    -- What tells its posts apart, as its documents have shown: see `domain::source::Identity`.
    identity      TEXT    NOT NULL DEFAULT 'guid'
);
CREATE INDEX source_due ON source (next_poll_at) WHERE state = 'active' AND NOT removed;
-- Those that are polled now: a handful.
CREATE INDEX source_held ON source (lease_until) WHERE lease_until > 0;
-- Those with news for hubs: a handful.
CREATE INDEX source_news ON source (id) WHERE revision <> told_revision;

-- The hubs that are told when a feed of ours has changed (WebSub), and how that goes.
CREATE TABLE told_hub (
    hub         TEXT   NOT NULL PRIMARY KEY,
    -- When it last took what it was told.
    told_at     BIGINT,
    -- Until when it is left alone.
    next_at     BIGINT NOT NULL,
    -- How often in a row it could not be told.
    failures    BIGINT NOT NULL DEFAULT 0,
    -- Why, or what it refused, in plain words; NULL when all is well.
    trouble     TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fence       BIGINT NOT NULL DEFAULT 0
);

-- What a hub is still to be told: that this feed has changed. The row goes when it was.
CREATE TABLE news (
    hub     TEXT   NOT NULL REFERENCES told_hub (hub),
    -- The feed's address on the site without the ending that names its form: 'feeds/weekly'.
    feed    TEXT   NOT NULL,
    -- Raised when it changes again: who has told of an earlier change leaves the row.
    version BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (hub, feed)
);

-- What hubs are asked to announce (WebSub): one row for each source, hub and topic.
CREATE TABLE hub (
    id           {ID},
    source_id    BIGINT  NOT NULL REFERENCES source (id),
    hub          TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    -- FALSE: the hub is to be told that it is over; then the row goes.
    wanted       BOOLEAN NOT NULL DEFAULT TRUE,
    -- It failed, and another hub of the same feed is wanted in its stead: it is asked
    -- nothing, and comes back at `next_at` when that one fails too.
    spare        BOOLEAN NOT NULL DEFAULT FALSE,
    -- The site at which the hub was told to call back.
    site         TEXT,
    -- When it was asked last, and when it last said yes or no to that.
    asked_at     BIGINT,
    answered_at  BIGINT,
    -- Until when it promised to announce; NULL when it did not.
    pushed_until BIGINT,
    -- Its last announcement whose signature was right.
    pushed_at    BIGINT,
    -- When it is asked next.
    next_at      BIGINT  NOT NULL,
    -- How often it was asked in vain since it last confirmed, and since it is wanted.
    failures     BIGINT  NOT NULL DEFAULT 0,
    tries        BIGINT  NOT NULL DEFAULT 0,
    trouble      TEXT,
    lease_until  BIGINT  NOT NULL DEFAULT 0,
    fence        BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (source_id, hub, topic)
);
CREATE INDEX hub_due ON hub (next_at);
-- A source is subscribed at one hub at a time.
CREATE UNIQUE INDEX hub_wanted ON hub (source_id) WHERE wanted;

CREATE TABLE post (
    id            {ID},
    source_id     BIGINT  NOT NULL REFERENCES source (id),
    guid          TEXT    NOT NULL,
    url           TEXT,
    -- `url` without what does not tell posts apart (scheme, tracking, fragment).
    url_key       TEXT,
    title         TEXT    NOT NULL,
    authors       TEXT    NOT NULL,
    -- What the post itself declares; NULL when only its feed does.
    language      TEXT,
    published_at  BIGINT,
    updated_at    BIGINT,
    -- What the post is shown and sorted by: see `Post::date`.
    dated_at      BIGINT  NOT NULL,
    categories    TEXT    NOT NULL,
    enclosures    TEXT    NOT NULL,
    also_at       TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    first_seen_at BIGINT  NOT NULL,
    changed_at    BIGINT  NOT NULL,
    standing      TEXT    NOT NULL CHECK (standing IN ('seed', 'live', 'held')),
    -- Why it is held: the flood guard, a newsletter whose posts are reviewed, or a person.
    held_for      TEXT    CHECK (held_for IN ('flood', 'review', 'editor')),
    -- The rule of its source's filter that hides it; NULL when none does.
    filtered_by   TEXT,
    -- Whether a person let it out: no filter of its source hides it again.
    released      BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whether a person hid it.
    hidden        BOOLEAN NOT NULL DEFAULT FALSE,
    -- Since when its feed lacks it while showing older ones; since when its page or its feed says that it is gone, and
    -- which; when that is looked at next, or when it may be missed again; when it was taken to be withdrawn. All NULL
    -- for nearly every post.
    missing_since BIGINT,
    gone_since    BIGINT,
    gone_by       TEXT    CHECK (gone_by IN ('deleted', '404', '410')),
    check_at      BIGINT,
    retracted_at  BIGINT,
    -- Whether a person said that it stands: nothing takes it to be withdrawn again.
    upheld        BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whether feeds, pages and mails may show it.
    shown         BOOLEAN GENERATED ALWAYS AS
        (standing <> 'held' AND filtered_by IS NULL AND NOT hidden AND retracted_at IS NULL) STORED,
    -- The posts that are the same piece in several places have the same number here: that of one of them. NULL when
    -- it stands in one place only.
    piece         BIGINT,
    -- Where it says that its original stands.
    original      TEXT,
    -- When its words last changed by more than slips of the pen.
    corrected_at  BIGINT,
    -- They stand last: SQLite reads along all of a long text to what stands behind it.
    summary       TEXT,
    content       TEXT,
    UNIQUE (source_id, guid)
);
CREATE INDEX post_by_url ON post (source_id, url_key);
CREATE INDEX post_by_text ON post (source_id, fingerprint);
CREATE INDEX post_by_date ON post (source_id, dated_at);
-- The latest that were stored, without a look at all the others.
CREATE INDEX post_by_number ON post (source_id, id);
CREATE INDEX post_newest ON post (dated_at);
CREATE INDEX post_live ON post (first_seen_at) WHERE standing = 'live';
-- What is counted off where all posts are counted: few.
CREATE INDEX post_hidden ON post (dated_at) WHERE NOT shown;
-- Copies of one piece, at other sources.
CREATE INDEX post_at ON post (url_key);
CREATE INDEX post_of_piece ON post (piece) WHERE piece IS NOT NULL;
-- What a source does not show as it did: a handful, looked through at each of its polls.
CREATE INDEX post_absent ON post (source_id) WHERE check_at IS NOT NULL OR retracted_at IS NOT NULL;
CREATE INDEX post_to_check ON post (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX post_retracted ON post (retracted_at) WHERE retracted_at IS NOT NULL;
CREATE INDEX post_corrected ON post (corrected_at) WHERE corrected_at IS NOT NULL;

-- By what other guids and addresses a post was known again, and by which rule (docs/identity.md).
CREATE TABLE post_alias (
    source_id BIGINT  NOT NULL REFERENCES source (id),
    guid      TEXT    NOT NULL,
    post_id   BIGINT  NOT NULL REFERENCES post (id),
    url       TEXT,
    rule      TEXT    NOT NULL,
    seen_at   BIGINT  NOT NULL,
    -- A person said that it is another post.
    apart     BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (source_id, guid, post_id)
);
CREATE INDEX post_alias_of ON post_alias (post_id);

-- Why two posts are one piece, or that a person said they are not. The lower number stands first.
CREATE TABLE post_tie (
    post_id  BIGINT  NOT NULL REFERENCES post (id),
    other_id BIGINT  NOT NULL REFERENCES post (id),
    rule     TEXT    NOT NULL,
    -- What was seen, in plain words.
    evidence TEXT    NOT NULL,
    apart    BOOLEAN NOT NULL DEFAULT FALSE,
    tied_at  BIGINT  NOT NULL,
    PRIMARY KEY (post_id, other_id)
);
CREATE INDEX post_tie_of ON post_tie (other_id);

-- The addresses at which a post says that it stands too: its original's, and other places'.
CREATE TABLE post_place (
    url_key TEXT   NOT NULL,
    post_id BIGINT NOT NULL REFERENCES post (id),
    rule    TEXT   NOT NULL CHECK (rule IN ('original', 'also_at')),
    PRIMARY KEY (url_key, post_id)
);
CREATE INDEX post_place_of ON post_place (post_id);

-- What editors did by hand; rows are added and never changed.
CREATE TABLE act (
    id      {ID},
    at      BIGINT NOT NULL,
    -- Who was logged in where it was done.
    editor  TEXT   NOT NULL,
    verb    TEXT   NOT NULL,
    post_id BIGINT REFERENCES post (id),
    -- What else belongs to it, in plain words.
    detail  TEXT   NOT NULL
);
CREATE INDEX act_on ON act (post_id) WHERE post_id IS NOT NULL;

-- What a post says of itself that feeds are made of: its tags, authors and language.
CREATE TABLE post_label (
    post_id  BIGINT NOT NULL REFERENCES post (id),
    kind     TEXT   NOT NULL CHECK (kind IN ('tag', 'author', 'language')),
    -- The name as it is compared, and as it stands in addresses.
    key      TEXT   NOT NULL,
    -- As the post writes it.
    name     TEXT   NOT NULL,
    -- The post's own, by which feeds are sorted.
    dated_at BIGINT NOT NULL,
    PRIMARY KEY (post_id, kind, key)
);
CREATE INDEX post_labelled ON post_label (kind, key, dated_at);

-- Every text that a post had before its present one.
CREATE TABLE post_version (
    post_id     BIGINT NOT NULL REFERENCES post (id),
    replaced_at BIGINT NOT NULL,
    title       TEXT   NOT NULL,
    summary     TEXT,
    content     TEXT,
    fingerprint TEXT   NOT NULL,
    PRIMARY KEY (post_id, replaced_at)
);

-- A newsletter's rhythm, from the day it was configured: posts older than that are not its news.
CREATE TABLE cadence (
    newsletter TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    -- Slots up to this instant have been decided on (P11).
    fired_to   BIGINT NOT NULL,
    PRIMARY KEY (newsletter, name)
);

-- What happened to each outlet; what it is stands in the configuration.
CREATE TABLE outlet (
    name     TEXT    NOT NULL PRIMARY KEY,
    -- What readers see where it is named.
    title    TEXT    NOT NULL,
    -- The name of the source as which it is followed itself; NULL is none.
    source   TEXT,
    -- Since when it is configured: posts that were there before are no news to it.
    since    BIGINT  NOT NULL,
    -- Not in the configuration any more: what stands there is still named.
    removed  BOOLEAN NOT NULL DEFAULT FALSE,
    -- Until when it is left alone.
    next_at  BIGINT  NOT NULL DEFAULT 0,
    -- How often in a row it took nothing, and why; NULL when all is well.
    failures BIGINT  NOT NULL DEFAULT 0,
    trouble  TEXT,
    -- Raised with each claim, so that claims of one outlet come one behind the other.
    claims   BIGINT  NOT NULL DEFAULT 0
);

-- A post and an outlet: what is to be done there, and what came of it. This table is the queue.
CREATE TABLE outlet_post (
    id          {ID},
    outlet      TEXT    NOT NULL REFERENCES outlet (name),
    post_id     BIGINT  NOT NULL REFERENCES post (id),
    state       TEXT    NOT NULL CHECK (state IN
        ('intent', 'attempting', 'published', 'unknown', 'refused', 'given up', 'deleted', 'passed over')),
    -- What the outlet is asked for next, or was asked for last.
    task        TEXT    NOT NULL DEFAULT 'post' CHECK (task IN ('post', 'update', 'delete')),
    -- When it is tried next; NULL when there is nothing to do.
    next_try_at BIGINT,
    -- A person wants it now: neither quiet hours nor the day's number hold it up.
    urgent      BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whether the present attempt follows one that may have gone through.
    in_doubt    BOOLEAN NOT NULL DEFAULT FALSE,
    -- How often the present task was tried, and how often its answer was lost.
    attempts    BIGINT  NOT NULL DEFAULT 0,
    doubts      BIGINT  NOT NULL DEFAULT 0,
    -- How often a person had it posted anew: another number for the outlet to know it by.
    round       BIGINT  NOT NULL DEFAULT 0,
    -- What the outlet calls it, and where it stands there.
    remote_id   TEXT,
    url         TEXT,
    -- `url` without what does not tell places apart.
    url_key     TEXT,
    -- A digest of what was sent last, when that was read (what changed later is a correction), and since when it
    -- stands there.
    sent        TEXT,
    sent_at     BIGINT,
    posted_at   BIGINT,
    -- Why it is not where it should be, in plain words; NULL when all is well.
    trouble     TEXT,
    decided_at  BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL DEFAULT 0,
    fence       BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (outlet, post_id)
);
CREATE INDEX outlet_post_due ON outlet_post (outlet, next_try_at) WHERE next_try_at IS NOT NULL;
-- What a person looks at, and what may have changed since it was sent.
CREATE INDEX outlet_post_in ON outlet_post (outlet, state);
CREATE INDEX outlet_post_of ON outlet_post (post_id);
-- A copy that is followed as well is known by its address.
CREATE INDEX outlet_post_at ON outlet_post (url_key) WHERE url_key IS NOT NULL;
-- How many went on a day.
CREATE INDEX outlet_post_posted ON outlet_post (outlet, posted_at) WHERE posted_at IS NOT NULL;

CREATE TABLE subscriber (
    id         {ID},
    email      TEXT   NOT NULL,
    -- The address in lower case: what makes two addresses one reader.
    email_key  TEXT   NOT NULL UNIQUE,
    -- What the reader is greeted by, when the operator knows it.
    name       TEXT,
    language   TEXT   NOT NULL,
    -- Whose clock shows the reader's morning; '' is each newsletter's own.
    timezone   TEXT   NOT NULL DEFAULT '',
    -- The hour of that clock, 0 to 23, at which mails shall come; NULL is each newsletter's own.
    hour       BIGINT CHECK (hour BETWEEN 0 AND 23),
    created_at BIGINT NOT NULL
);
-- Which zones there are is asked before every slot.
CREATE INDEX subscriber_zone ON subscriber (timezone) WHERE timezone <> '';
CREATE INDEX subscriber_hour ON subscriber (timezone, hour) WHERE hour IS NOT NULL;

CREATE TABLE subscription (
    id                 {ID},
    subscriber_id      BIGINT NOT NULL REFERENCES subscriber (id),
    newsletter         TEXT   NOT NULL,
    cadence            TEXT   NOT NULL,
    -- When the reader last changed the cadence: then a digest may hold posts that they have, and miss some.
    moved_at           BIGINT,
    -- The topics that the reader chose, sorted, a space between each two; '' is everything.
    topics             TEXT   NOT NULL DEFAULT '',
    -- Until then nothing is mailed; then it goes on by itself. NULL when there is no pause.
    paused_until       BIGINT,
    state              TEXT   NOT NULL CHECK (state IN ('pending', 'confirmed', 'unsubscribed')),
    -- Part of every token; raising it revokes them.
    counter            BIGINT NOT NULL DEFAULT 0,
    -- What a confirmation's token is bound to, while one is open.
    confirm_nonce      TEXT,
    confirm_expires_at BIGINT,
    created_at         BIGINT NOT NULL,
    confirmed_at       BIGINT,
    -- When its reader was last asked whether they still want it, where the law wants that.
    renewal_asked_at   BIGINT,
    ended_at           BIGINT,
    ended_by           TEXT,
    -- What the reader said of why, if anything.
    ended_why          TEXT,
    -- Until when the reader may take it back; NULL when there is nothing to take back.
    undo_until         BIGINT,
    UNIQUE (subscriber_id, newsletter)
);
CREATE INDEX subscription_of ON subscription (newsletter, cadence, state);
CREATE INDEX subscription_topics ON subscription (newsletter, cadence, topics) WHERE topics <> '';
CREATE INDEX subscription_moved ON subscription (newsletter, cadence) WHERE moved_at IS NOT NULL;
-- What is swept away, or asked again, when its time is over: a few rows of many.
CREATE INDEX subscription_unconfirmed ON subscription (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX subscription_ended ON subscription (ended_at) WHERE state = 'unsubscribed';

-- What a reader agreed to, one row for each act; rows are added and never changed.
CREATE TABLE consent (
    id              {ID},
    subscription_id BIGINT NOT NULL REFERENCES subscription (id),
    act             TEXT   NOT NULL CHECK (act IN
        ('asked', 'confirmed', 'imported', 'added', 'changed', 'renewed', 'ended')),
    at              BIGINT NOT NULL,
    -- Name and version (a short hash) of the form, or the file of an import, or the command.
    form            TEXT   NOT NULL,
    -- What was agreed to.
    words           TEXT   NOT NULL,
    -- page, embedded, json, import, operator, one-click, mail, preferences
    origin          TEXT   NOT NULL,
    -- The network address of the request; NULL after a while.
    address         TEXT
);
CREATE INDEX consent_of ON consent (subscription_id);
CREATE INDEX consent_address ON consent (at) WHERE address IS NOT NULL;

-- Words that the operator put on readers.
CREATE TABLE subscriber_tag (
    subscriber_id BIGINT NOT NULL REFERENCES subscriber (id),
    tag           TEXT   NOT NULL,
    PRIMARY KEY (subscriber_id, tag)
);
CREATE INDEX subscriber_tagged ON subscriber_tag (tag);

-- How far the import of lists has come: written with what it imported, so that it goes on where it was stopped.
CREATE TABLE import (
    -- A digest of the files and of how they are to be read.
    key          TEXT   NOT NULL PRIMARY KEY,
    file         TEXT   NOT NULL,
    -- What comes next: which of the files, from which byte and line on; and how long the report is.
    part         BIGINT NOT NULL,
    byte         BIGINT NOT NULL,
    line         BIGINT NOT NULL,
    report_bytes BIGINT NOT NULL,
    -- What became of the lines so far, as JSON.
    counts       TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    -- NULL while there is more to do.
    finished_at  BIGINT
);

-- Another address that a reader asked for: it counts once it is confirmed there. After that, for a
-- while, the old one by which the change can be taken back.
CREATE TABLE address_change (
    subscriber_id BIGINT  NOT NULL PRIMARY KEY REFERENCES subscriber (id),
    email         TEXT    NOT NULL,
    -- What the link's token is bound to.
    nonce         TEXT    NOT NULL,
    expires_at    BIGINT  NOT NULL,
    takes_back    BOOLEAN NOT NULL
);

-- Addresses that are never mailed again, as keyed hashes.
CREATE TABLE suppression (
    address_hash TEXT   NOT NULL PRIMARY KEY,
    reason       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    -- What came back, when that was why.
    bounce_id    BIGINT
);

CREATE TABLE digest (
    id          {ID},
    newsletter  TEXT   NOT NULL,
    cadence     TEXT   NOT NULL,
    slot        TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN
        ('review', 'sending', 'done', 'empty', 'missed', 'few', 'paused', 'cancelled')),
    frozen_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    finished_at BIGINT,
    -- The rendered mail, the same for every reader but for its tokens.
    subject     TEXT   NOT NULL DEFAULT '',
    html        TEXT   NOT NULL DEFAULT '',
    plain       TEXT   NOT NULL DEFAULT '',
    -- Why sending stopped by itself.
    trouble     TEXT,
    -- Whether the owner was told that only mails in doubt are left.
    doubt_told  BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (newsletter, cadence, slot)
);
-- What the archive shows.
CREATE INDEX digest_shown ON digest (frozen_at) WHERE state IN ('sending', 'done');
CREATE INDEX digest_shown_of ON digest (newsletter, frozen_at) WHERE state IN ('sending', 'done');
CREATE INDEX digest_open ON digest (state) WHERE state IN ('sending', 'paused', 'cancelled') AND finished_at IS NULL;

-- Another mail of a digest, for readers who do not get all of its posts.
CREATE TABLE digest_variant (
    digest_id BIGINT  NOT NULL REFERENCES digest (id),
    -- From 1; the digest's own mail is 0.
    number    BIGINT  NOT NULL,
    -- Who gets it: those who chose these topics. NULL: readers that are named one by one.
    topics    TEXT,
    -- The numbers of its posts, as JSON. When there is none, nothing is mailed.
    posts     TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    html      TEXT    NOT NULL,
    plain     TEXT    NOT NULL,
    PRIMARY KEY (digest_id, number)
);

-- When a digest falls due by the clocks of other zones than the newsletter's, and at the
-- hours that readers chose there (`deliver = "local"`).
CREATE TABLE digest_zone (
    digest_id BIGINT NOT NULL REFERENCES digest (id),
    timezone  TEXT   NOT NULL,
    -- -1 is the newsletter's own time.
    hour      BIGINT NOT NULL,
    due_at    BIGINT NOT NULL,
    PRIMARY KEY (digest_id, timezone, hour)
);

-- What the editor says in the next digest of a cadence, or of any ('').
CREATE TABLE note (
    id         {ID},
    newsletter TEXT   NOT NULL,
    cadence    TEXT   NOT NULL,
    place      TEXT   NOT NULL CHECK (place IN ('before', 'after')),
    html       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- The digest that it stands in; NULL while it waits for one.
    digest_id  BIGINT REFERENCES digest (id)
);
CREATE INDEX note_waiting ON note (newsletter) WHERE digest_id IS NULL;
CREATE INDEX note_of ON note (digest_id) WHERE digest_id IS NOT NULL;

-- The pictures that come with mails; a mail's HTML names them by `id`.
CREATE TABLE picture (
    id         TEXT   NOT NULL PRIMARY KEY,
    address    TEXT   NOT NULL,
    media_type TEXT   NOT NULL,
    -- '' when no mail can show it any more: then its address is all that is kept.
    base64     TEXT   NOT NULL,
    fetched_at BIGINT NOT NULL
);
CREATE INDEX picture_of ON picture (address);
CREATE INDEX picture_kept ON picture (fetched_at) WHERE base64 <> '';

-- A post is mailed at most once for a newsletter and cadence (P2).
CREATE TABLE digest_post (
    digest_id  BIGINT NOT NULL REFERENCES digest (id),
    post_id    BIGINT NOT NULL REFERENCES post (id),
    newsletter TEXT   NOT NULL,
    cadence    TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (newsletter, cadence, post_id)
);
CREATE INDEX digest_post_of ON digest_post (digest_id, position);

-- A post that a newsletter's filter left out when a digest was decided on: it is not that cadence's news later.
CREATE TABLE passed_over (
    newsletter TEXT   NOT NULL,
    cadence    TEXT   NOT NULL,
    post_id    BIGINT NOT NULL REFERENCES post (id),
    reason     TEXT   NOT NULL,
    decided_at BIGINT NOT NULL,
    PRIMARY KEY (newsletter, cadence, post_id)
);
CREATE INDEX passed_over_of ON passed_over (post_id);

-- Which corrections of posts that were mailed a digest has told of.
CREATE TABLE correction (
    newsletter   TEXT   NOT NULL,
    cadence      TEXT   NOT NULL,
    post_id      BIGINT NOT NULL REFERENCES post (id),
    corrected_at BIGINT NOT NULL,
    digest_id    BIGINT NOT NULL REFERENCES digest (id),
    PRIMARY KEY (newsletter, cadence, post_id, corrected_at)
);

-- A mail outside any digest.
CREATE TABLE letter (
    id              {ID},
    -- 'confirm' carries the names of its newsletters, 'owner', 'preview', 'welcome' and 'renewal' their words; all
    -- links are made when it is sent.
    kind            TEXT   NOT NULL CHECK (kind IN
        ('confirm', 'owner', 'preview', 'welcome', 'goodbye', 'renewal', 'address', 'data')),
    -- '' when it is no longer known.
    recipient       TEXT   NOT NULL,
    -- Of a 'confirm', and of an 'address' to the new one: the keyed hash of the mailbox, by which it is counted what a
    -- stranger is sent.
    mailbox         TEXT,
    language        TEXT   NOT NULL,
    subscription_id BIGINT REFERENCES subscription (id),
    subject         TEXT   NOT NULL DEFAULT '',
    body            TEXT   NOT NULL DEFAULT '',
    -- Of a preview: its HTML part, and the digest when that is frozen.
    html            TEXT   NOT NULL DEFAULT '',
    digest_id       BIGINT REFERENCES digest (id),
    created_at      BIGINT NOT NULL
);
CREATE INDEX letter_to ON letter (mailbox, created_at) WHERE mailbox IS NOT NULL;
CREATE INDEX letter_kept ON letter (created_at) WHERE recipient <> '';
CREATE INDEX letter_of ON letter (subscription_id) WHERE subscription_id IS NOT NULL;

-- One mail to one reader: of a digest, or a letter. This table is the queue.
CREATE TABLE delivery (
    id              {ID},
    digest_id       BIGINT REFERENCES digest (id),
    letter_id       BIGINT REFERENCES letter (id),
    -- Whose subscription it was; without a reference, which would cost each erased reader a look at every row.
    subscriber_id   BIGINT,
    subscription_id BIGINT REFERENCES subscription (id),
    -- Which mail of its digest.
    variant         BIGINT NOT NULL DEFAULT 0,
    state           TEXT   NOT NULL DEFAULT 'pending' CHECK (state IN
        ('pending', 'attempting', 'deferred', 'unknown', 'sent', 'bounced', 'suppressed', 'expired')),
    not_before      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- The date of its mail; NULL when that is the freezing of its digest. Stands once it was tried (P5).
    dated_at        BIGINT,
    attempts        BIGINT NOT NULL DEFAULT 0,
    -- How often the answer after the final dot was lost (P6).
    doubts          BIGINT NOT NULL DEFAULT 0,
    -- Raised at each attempt: a result is written only with the fence it was taken with (P7).
    fence           BIGINT NOT NULL DEFAULT 0,
    -- Which node attempts it, and until when it may.
    node            TEXT,
    lease_until     BIGINT NOT NULL DEFAULT 0,
    -- The relay's last words.
    reply           TEXT,
    settled_at      BIGINT,
    CHECK ((digest_id IS NULL) <> (letter_id IS NULL)),
    UNIQUE (digest_id, subscriber_id)
);
CREATE INDEX delivery_due ON delivery (not_before, id) WHERE state IN ('pending', 'deferred', 'unknown');
-- A digest's end is looked for after every turn; this index holds only what keeps it from ending.
CREATE INDEX delivery_open ON delivery (digest_id) WHERE state IN ('pending', 'attempting', 'deferred', 'unknown');
-- What one reader was mailed: for erasing them.
CREATE INDEX delivery_of ON delivery (subscription_id);
CREATE INDEX delivery_of_letter ON delivery (letter_id) WHERE letter_id IS NOT NULL;
CREATE INDEX delivery_attempting ON delivery (node) WHERE state = 'attempting';
-- Letters go before digests: a reader waits for them.
CREATE INDEX delivery_letter ON delivery (not_before, id)
    WHERE letter_id IS NOT NULL AND state IN ('pending', 'deferred', 'unknown');

-- What came back: bounces, complaints, and what cannot be told, which a person looks at.
CREATE TABLE bounce (
    id              {ID},
    -- What makes it the same when it comes again, by whatever door.
    sameness        TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL CHECK (kind IN ('hard', 'soft', 'blocked', 'complaint', 'unclear')),
    -- How it came in: 'pipe', 'maildir', 'imap', or the name of a relay that reported it.
    door            TEXT    NOT NULL,
    delivery_id     BIGINT  REFERENCES delivery (id),
    -- Whom it is about; NULL when nobody can be told.
    subscriber_id   BIGINT  REFERENCES subscriber (id),
    -- The enhanced status code.
    status          TEXT,
    -- What the host said, or the subject of what cannot be told.
    words           TEXT    NOT NULL,
    -- Why it was taken for what it is, where that needs saying.
    why             TEXT    NOT NULL DEFAULT '',
    received_at     BIGINT  NOT NULL,
    -- Whether it ended mailing to its reader.
    ended           BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whether a soft one still counts: not when a person has let its reader be mailed again.
    counts          BOOLEAN NOT NULL DEFAULT TRUE,
    -- The beginning of what came in, of what cannot be told.
    raw             TEXT
);
CREATE INDEX bounce_of ON bounce (subscriber_id, received_at) WHERE subscriber_id IS NOT NULL;
CREATE INDEX bounce_of_mail ON bounce (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX bounce_of_kind ON bounce (kind, id);

-- Mails of a day of UTC, by what limits them: 'relay NAME', or 'to DOMAIN'.
CREATE TABLE sent_count (
    name  TEXT   NOT NULL,
    day   BIGINT NOT NULL,
    mails BIGINT NOT NULL,
    PRIMARY KEY (name, day)
);
