-- Since when Microsoft takes a credential; NULL: it did not so far, or does no more.
ALTER TABLE credentials ADD COLUMN taken_at INTEGER;
