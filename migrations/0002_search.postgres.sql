-- The words that posts are found by, as `domain::search` takes texts apart; titles weigh A, names B, texts D.
CREATE TABLE post_words (
    post_id BIGINT   NOT NULL PRIMARY KEY REFERENCES post (id),
    words   TSVECTOR NOT NULL
);
-- They do not grow shorter by being packed.
ALTER TABLE post_words ALTER words SET STORAGE EXTERNAL;
-- What comes in is put into the index's order together, a minute later (`Store::sort_words`): its words lie all over
-- it. When 512 MB wait, some 60,000 posts, whoever brings more does that.
CREATE INDEX post_words_of ON post_words USING GIN (words) WITH (gin_pending_list_limit = 524288);
