-- One hour of each campaign against the same hour of the same weekday in the
-- four weeks before: how many of the usual deviations it is off. Weeks without
-- a row count as 0. Parameters: hour (its start), at_least (clicks in either
-- that are worth a look), deviations.
SELECT
    campaign_id,
    now_clicks,
    round(mean, 1) AS expected,
    round(deviation, 1) AS usual_deviation,
    round((now_clicks - mean) / deviation, 2) AS deviations_off
FROM
(
    SELECT
        campaign_id,
        sumIf(clicks, weeks_ago = 0) AS now_clicks,
        arrayMap(w -> toFloat64(w), [sumIf(clicks, weeks_ago = 1), sumIf(clicks, weeks_ago = 2), sumIf(clicks, weeks_ago = 3), sumIf(clicks, weeks_ago = 4)]) AS before,
        arrayAvg(before) AS mean,
        -- never less than what counts vary by chance
        greatest(sqrt(arrayAvg(arrayMap(x -> (x - mean) * (x - mean), before))), sqrt(mean), 1) AS deviation
    FROM
    (
        SELECT campaign_id, intDiv(dateDiff('hour', toDateTime(hour, 'UTC'), {hour:DateTime('UTC')}), 168) AS weeks_ago, sum(clicks) AS clicks
        FROM v_hour_delivery
        WHERE hour IN (
            {hour:DateTime('UTC')}, {hour:DateTime('UTC')} - toIntervalWeek(1), {hour:DateTime('UTC')} - toIntervalWeek(2),
            {hour:DateTime('UTC')} - toIntervalWeek(3), {hour:DateTime('UTC')} - toIntervalWeek(4))
        GROUP BY campaign_id, weeks_ago
    )
    GROUP BY campaign_id
)
WHERE greatest(toFloat64(now_clicks), mean) >= {at_least:UInt32} AND abs(now_clicks - mean) >= {deviations:Float64} * deviation
ORDER BY abs(deviations_off) DESC, campaign_id;
