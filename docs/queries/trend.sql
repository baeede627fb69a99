-- Hour by hour: delivery, click rate, spend, and the mean of the 24 hours before.
-- Parameters: from, to. Hours without a row are filled in.
SELECT
    hour,
    impressions,
    clicks,
    round(clicks / greatest(impressions, 1), 5) AS click_rate,
    spend_micros / 1e6 AS spend,
    round(avg(clicks) OVER (ORDER BY hour ROWS BETWEEN 24 PRECEDING AND 1 PRECEDING), 1) AS clicks_mean_24h
FROM
(
    SELECT toDateTime(toStartOfHour(minute), 'UTC') AS hour, sum(impressions) AS impressions, sum(clicks) AS clicks, sum(spend_micros) AS spend_micros
    FROM v_minute_delivery
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
    GROUP BY hour
    ORDER BY hour WITH FILL FROM {from:DateTime('UTC')} TO {to:DateTime('UTC')} STEP toIntervalHour(1)
)
ORDER BY hour;
