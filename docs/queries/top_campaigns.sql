-- The campaigns that spent most in a range of time, with what they brought.
-- Parameters: from, to, model (such as last_non_direct), n.
SELECT
    d.campaign_id,
    d.currency,
    d.impressions,
    d.clicks,
    d.spend_micros / 1e6 AS spend,
    d.invalid_spend_micros / 1e6 AS invalid_spend,
    a.value_micros / 1e6 AS value,
    round(if(d.spend_micros = 0, 0, a.value_micros / d.spend_micros), 3) AS return_on_spend
FROM
(
    SELECT campaign_id, currency,
        sum(impressions) AS impressions, sum(clicks) AS clicks,
        sum(spend_micros) AS spend_micros, sum(invalid_spend_micros) AS invalid_spend_micros
    FROM v_minute_delivery
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
    GROUP BY campaign_id, currency
) AS d
LEFT JOIN
(
    SELECT campaign_id, currency, sum(value_micros) AS value_micros
    FROM v_minute_attribution
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND model = {model:String}
    GROUP BY campaign_id, currency
) AS a ON a.campaign_id = d.campaign_id AND a.currency = d.currency
ORDER BY d.spend_micros DESC, d.campaign_id
LIMIT {n:UInt32};
