-- What was corrected after it was final, by the day of the correction and its
-- cause. Parameters: from, to, model.
SELECT
    toDate(at) AS day,
    cause,
    count() AS entries,
    uniqExact(conversion_id) AS conversions,
    sum(delta_micros) / 1e6 AS value
FROM v_credit_journal
WHERE at >= {from:DateTime('UTC')} AND at < {to:DateTime('UTC')} AND model = {model:String} AND cause != 'conversion'
GROUP BY day, cause
ORDER BY day, cause;
