-- What each model gives to each channel: one column a model.
-- Parameters: from, to, currency.
SELECT
    channel,
    sumIf(value_micros, model = 'first_touch') / 1e6 AS first_touch,
    sumIf(value_micros, model = 'last_touch') / 1e6 AS last_touch,
    sumIf(value_micros, model = 'last_non_direct') / 1e6 AS last_non_direct,
    sumIf(value_micros, model = 'linear') / 1e6 AS linear,
    sumIf(value_micros, model = 'time_decay') / 1e6 AS time_decay
FROM v_minute_attribution
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND currency = {currency:String}
GROUP BY channel
ORDER BY last_non_direct DESC, channel;
