-- The words that posts are found by, as `domain::search` takes texts apart; titles weigh A, names B, texts D.
CREATE TABLE post_words (
    post_id BIGINT   NOT NULL PRIMARY KEY REFERENCES post (id),
    words   TSVECTOR NOT NULL
);
CREATE INDEX post_words_of ON post_words USING GIN (words);
