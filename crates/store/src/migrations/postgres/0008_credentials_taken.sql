-- Since when Microsoft takes a credential; NULL: it did not so far, or does no more.
ALTER TABLE credentials ADD COLUMN taken_at timestamptz;

-- Every key begins with the mailbox, and SQL users ask for ids without it, too: hashes of long ids
-- are small. Step 3 once had it like this already, and those databases have nothing to change.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint
            WHERE conrelid = 'messages'::regclass AND conname = 'messages_by_id') THEN
        ALTER TABLE messages DROP CONSTRAINT messages_by_id;
        ALTER TABLE messages ADD CONSTRAINT messages_mailbox_id_key UNIQUE (mailbox, id);
        CREATE INDEX messages_by_id ON messages USING hash (id);
        DROP INDEX messages_by_conversation;
        CREATE INDEX messages_by_conversation ON messages (mailbox, conversation_id)
            WHERE conversation_id IS NOT NULL;
        CREATE INDEX messages_by_conversation_id ON messages USING hash (conversation_id);
    END IF;
END $$;
