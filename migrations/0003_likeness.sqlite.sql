-- What texts are found by that are like one another: the smallest hashes of their shingles and the hash of their
-- title, as `domain::likeness` makes them. Twelve or thirteen rows a post, so that they stand in the index alone.
CREATE TABLE post_shingle (
    shingle BIGINT NOT NULL,
    post_id BIGINT NOT NULL,
    PRIMARY KEY (shingle, post_id)
) WITHOUT ROWID;
