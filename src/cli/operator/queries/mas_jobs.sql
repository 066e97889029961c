-- What MAS has still to do, or has given up, by queue: news for Synapse that is not on its way yet may be
-- among it.
SELECT queue_name || CASE WHEN status IN ('failed', 'lost') THEN ' (failed)' ELSE '' END AS job, count(*)
FROM {queue_jobs}
WHERE status IN ('available', 'running')
   OR status = 'scheduled' AND scheduled_at < now()
   OR status IN ('failed', 'lost') AND next_attempt_id IS NULL
GROUP BY job
ORDER BY job
