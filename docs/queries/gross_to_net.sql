-- From gross to net by day: what lists (givt) and analysis (sivt) took off
-- clicks and spend. Parameters: from, to.
SELECT
    toDate(minute) AS day,
    currency,
    sum(clicks) AS gross_clicks,
    sum(givt_clicks) AS givt,
    sum(sivt_clicks) AS sivt,
    gross_clicks - givt - sivt AS net_clicks,
    round(100 * (givt + sivt) / greatest(gross_clicks, 1), 2) AS invalid_percent,
    sum(spend_micros) / 1e6 AS gross_spend,
    sum(invalid_spend_micros) / 1e6 AS invalid_spend,
    (sum(spend_micros) - sum(invalid_spend_micros)) / 1e6 AS net_spend
FROM v_minute_delivery
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
GROUP BY day, currency
ORDER BY day, currency;
