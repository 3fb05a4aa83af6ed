-- What texts are found by that are like one another: the smallest hashes of their shingles and the hash of their
-- title, as `domain::likeness` makes them. Twelve or thirteen rows a post.
CREATE TABLE post_shingle (
    shingle BIGINT NOT NULL,
    post_id BIGINT NOT NULL,
    PRIMARY KEY (shingle, post_id)
)
-- Its rows are never changed, and its index alone is read where a VACUUM has seen them, not after a fifth more.
WITH (autovacuum_vacuum_insert_scale_factor = 0.02);
-- Those of posts that came within the last minute. Each lies on another page of a large index, so that they are put
-- there together and in its order (`Store::sort_keys`). What a changed post has in both texts may stand here twice.
CREATE TABLE post_shingle_new (
    shingle BIGINT NOT NULL,
    post_id BIGINT NOT NULL
);
CREATE INDEX post_shingle_new_by_key ON post_shingle_new (shingle, post_id);
