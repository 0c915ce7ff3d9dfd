-- :usage, :kind, :bucket, :count
INSERT INTO times (usage, kind, bucket, count) VALUES (:usage, :kind, :bucket, :count)
ON CONFLICT DO UPDATE SET count = count + :count;
