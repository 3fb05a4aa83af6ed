-- The words that posts are found by, as `domain::search` takes texts apart: a post's number is the row's.
-- Only where words stand is kept, and not the texts again. The tokenizer takes what it is given, word by word.
CREATE VIRTUAL TABLE post_words USING fts5 (
    title, names, text,
    content = '', contentless_delete = 1, tokenize = 'ascii'
);
