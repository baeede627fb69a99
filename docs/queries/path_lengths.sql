-- How many touches conversions have, and what they are worth: net conversions
-- that were not retracted. Parameters: from, to.
SELECT
    if(touches >= 10, '10 and more', toString(touches)) AS path_length,
    currency,
    count() AS conversions,
    sum(value_micros) / 1e6 AS value,
    round(value / conversions, 2) AS mean_value,
    round(100 * conversions / sum(conversions) OVER (PARTITION BY currency), 2) AS percent
FROM v_conversions
WHERE event_time >= {from:DateTime('UTC')} AND event_time < {to:DateTime('UTC')}
    AND verdict IN ('valid', 'undecided') AND adjusted != 'retracted'
GROUP BY path_length, currency, least(touches, 10) AS n
ORDER BY currency, n;
