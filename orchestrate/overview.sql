-- The view `activecampaign.overview` has one row per account and program, made from the reports of its
-- runs. Run accounts.sql first; this can be run again.
CREATE TABLE IF NOT EXISTS activecampaign.reports (
  -- The setting account_label; where it was not set, the name of the account.
  account text NOT NULL,
  program text NOT NULL,
  began_at timestamptz NOT NULL,
  -- The run report, without the samples of a dry run.
  report jsonb NOT NULL,
  PRIMARY KEY (account, program, began_at)
);

CREATE OR REPLACE VIEW activecampaign.overview AS
WITH runs AS (
  SELECT
    account,
    program,
    began_at,
    (report ->> 'finished_at')::timestamptz AS finished_at,
    (report ->> 'seconds')::numeric AS seconds,
    (report ->> 'exit_code')::integer AS exit_code,
    report ->> 'problem' AS problem,
    (report #>> '{traffic,requests}')::integer AS requests,
    coalesce((report #>> '{traffic,by_status,429}')::integer, 0) AS refused,
    (report #>> '{traffic,seconds_waited,asked_for_by_the_server}')::numeric AS seconds_paused,
    -- ActiveCampaign refused every request: the key is wrong, or its user was deleted.
    coalesce((report #>> '{traffic,by_status,401}')::integer, 0)
      + coalesce((report #>> '{traffic,by_status,403}')::integer, 0)
      >= greatest(1, (report #>> '{traffic,requests}')::integer) AS is_locked_out,
    ARRAY(
      SELECT stream.key
      FROM jsonb_each(report -> 'streams') AS stream
      WHERE stream.value ->> 'problem' = 'not allowed by the plan or the key''s user'
      ORDER BY 1
    ) AS forbidden
  FROM activecampaign.reports
),
latest AS (
  SELECT DISTINCT ON (account, program) * FROM runs ORDER BY account, program, began_at DESC
),
succeeded AS (
  SELECT account, program, max(finished_at) AS succeeded_at
  FROM runs WHERE exit_code = 0 GROUP BY account, program
),
facts AS (
  SELECT
    coalesce(latest.account, accounts.label) AS account,
    latest.program,
    latest.began_at AS last_run_at,
    succeeded.succeeded_at,
    latest.problem,
    latest.requests,
    latest.refused,
    latest.seconds,
    latest.forbidden,
    coalesce(latest.is_locked_out AND latest.exit_code <> 0, false) AS is_locked_out,
    -- A run that was stopped (130, 143) is no failure; `is_late` shows whether it matters.
    coalesce(latest.exit_code NOT IN (0, 130, 143), false) AS is_failing,
    coalesce(succeeded.succeeded_at < now()
      - CASE accounts.schedule WHEN 'hourly' THEN interval '3 hours' ELSE interval '26 hours' END,
      true) AS is_late,
    -- More than a twentieth of the requests was refused, or it waited a tenth of the time.
    coalesce(latest.refused * 20 > latest.requests
      OR latest.seconds_paused * 10 > latest.seconds, false) AS is_throttled,
    coalesce(cardinality(latest.forbidden) > 0, false) AS is_forbidden
  FROM latest
  LEFT JOIN succeeded USING (account, program)
  FULL JOIN activecampaign.accounts ON accounts.label = latest.account
  WHERE accounts.enabled IS NOT FALSE
)
SELECT
  account,
  program,
  CASE
    WHEN is_locked_out THEN 'out of permission'
    WHEN is_failing THEN 'failing'
    WHEN is_late THEN 'late'
    WHEN is_forbidden THEN 'out of permission'
    WHEN is_throttled THEN 'throttled'
    ELSE 'fresh'
  END AS standing,
  last_run_at,
  succeeded_at,
  problem,
  requests,
  refused,
  seconds,
  forbidden,
  is_late,
  is_failing,
  is_throttled,
  is_forbidden OR is_locked_out AS is_forbidden
FROM facts;
