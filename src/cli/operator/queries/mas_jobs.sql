-- What MAS has still to tell Synapse, or could not tell it lately, by queue.
SELECT queue_name || CASE WHEN status IN ('failed', 'lost') THEN ' (failed)' ELSE '' END AS job, count(*)
FROM {queue_jobs}
WHERE queue_name IN ('provision-user', 'provision-device', 'delete-device', 'sync-devices', 'deactivate-user', 'reactivate-user')
  AND (
      status IN ('available', 'running')
      OR status = 'scheduled' AND scheduled_at < now()
      OR status IN ('failed', 'lost') AND next_attempt_id IS NULL AND created_at > now() - interval '7 days'
  )
GROUP BY job
ORDER BY job
