CREATE DATABASE IF NOT EXISTS `tributary`;

CREATE TABLE IF NOT EXISTS `tributary`.`sync_schema` (`id` UInt8, `version` UInt32, `fingerprint` String, `program` String, `n` UInt64, `at` DateTime DEFAULT now()) ENGINE = ReplacingMergeTree(n) ORDER BY id SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 COMMENT 'tributary: what made these tables';

CREATE TABLE IF NOT EXISTS `tributary`.`sync_progress` (`table` LowCardinality(String), `shard` UInt16, `epoch` UInt32, `commit` UInt64, `watermark` Int64, `floor` UInt64, `rev` UInt64) ENGINE = ReplacingMergeTree(rev) ORDER BY (`table`, shard, floor) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 COMMENT 'tributary: how far the tables are; read progress';

CREATE TABLE IF NOT EXISTS `tributary`.`sessions_by_id`
(
    `session_id` String CODEC(ZSTD(1)),
    `start` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`start`)
ORDER BY (`session_id`, `start`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: where the rows of sessions stand, by id';

CREATE TABLE IF NOT EXISTS `tributary`.`conversions_by_id`
(
    `conversion_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`event_time`)
ORDER BY (`conversion_id`, `event_time`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: where the rows of conversions stand, by id';

CREATE TABLE IF NOT EXISTS `tributary`.`dead_letters`
(
    `position` String CODEC(ZSTD(1)),
    `code` LowCardinality(String),
    `message` String CODEC(ZSTD(1)),
    `payload` String CODEC(ZSTD(3)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8,
    `written` DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
ORDER BY (`position`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: records that could not be read; read v_dead_letters';

CREATE TABLE IF NOT EXISTS `tributary`.`late_events`
(
    `event_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `position` String CODEC(ZSTD(1)),
    `type` LowCardinality(String),
    `watermark` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `lateness_ms` Int64 CODEC(T64, ZSTD(1)),
    `payload` String CODEC(ZSTD(3)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`event_time`)
ORDER BY (`event_time`, `event_id`, `position`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: events that came too late; read v_late_events';

CREATE TABLE IF NOT EXISTS `tributary`.`verdicts`
(
    `event_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `person` String CODEC(ZSTD(1)),
    `type` LowCardinality(String),
    `campaign_id` LowCardinality(String),
    `verdict` LowCardinality(String),
    `tier` Int64 CODEC(T64, ZSTD(1)),
    `reasons` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `shadow_reasons` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `score` LowCardinality(String),
    `version` LowCardinality(String),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8,
    INDEX by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_person person TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`event_time`)
ORDER BY (`event_time`, `event_id`, `person`, `type`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: verdicts that are not plainly valid; read v_verdicts';

CREATE TABLE IF NOT EXISTS `tributary`.`credit_journal`
(
    `journal_id` String CODEC(ZSTD(1)),
    `conversion_id` String CODEC(ZSTD(1)),
    `model` LowCardinality(String),
    `touch_time` Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    `touch_event_id` String CODEC(ZSTD(1)),
    `touch_type` LowCardinality(String),
    `delta_ppm` Int64 CODEC(T64, ZSTD(1)),
    `delta_micros` Int64 CODEC(T64, ZSTD(1)),
    `cause` LowCardinality(String),
    `at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8,
    INDEX by_conversion conversion_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`at`)
ORDER BY (`at`, `journal_id`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: changes of credits; read v_credit_journal';

CREATE TABLE IF NOT EXISTS `tributary`.`sessions`
(
    `session_id` String CODEC(ZSTD(1)),
    `person` String CODEC(ZSTD(1)),
    `start` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `end` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `events` Int64 CODEC(T64, ZSTD(1)),
    `impressions` Int64 CODEC(T64, ZSTD(1)),
    `clicks` Int64 CODEC(T64, ZSTD(1)),
    `conversions` Int64 CODEC(T64, ZSTD(1)),
    `entry_channel` LowCardinality(String),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_person person TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`start`)
ORDER BY (`start`, `session_id`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sessions; read v_sessions';

CREATE TABLE IF NOT EXISTS `tributary`.`conversions`
(
    `conversion_id` String CODEC(ZSTD(1)),
    `person` String CODEC(ZSTD(1)),
    `event_time` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `conversion_name` LowCardinality(String),
    `order_id` String CODEC(ZSTD(1)),
    `original_value_micros` Int64 CODEC(T64, ZSTD(1)),
    `value_micros` Int64 CODEC(T64, ZSTD(1)),
    `currency` LowCardinality(String),
    `verdict` LowCardinality(String),
    `adjusted` LowCardinality(String),
    `touches` Int64 CODEC(T64, ZSTD(1)),
    `touches_dropped` Int64 CODEC(T64, ZSTD(1)),
    `session_id` String CODEC(ZSTD(1)),
    `restated` Bool,
    `touch_times` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `touch_event_ids` Array(String) CODEC(ZSTD(1)),
    `touch_types` Array(LowCardinality(String)),
    `touch_campaigns` Array(LowCardinality(String)),
    `touch_ad_groups` Array(String) CODEC(ZSTD(1)),
    `touch_creatives` Array(String) CODEC(ZSTD(1)),
    `touch_channels` Array(LowCardinality(String)),
    `credit_models` Array(LowCardinality(String)),
    `credit_positions` Array(UInt16) CODEC(ZSTD(1)),
    `credit_touches` Array(UInt16) CODEC(ZSTD(1)),
    `credit_ppms` Array(Int64) CODEC(ZSTD(1)),
    `credit_micros` Array(Int64) CODEC(ZSTD(1)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8,
    INDEX by_conversion conversion_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_person person TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`event_time`)
ORDER BY (`event_time`, `conversion_id`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: conversions with their credits; read v_conversions and v_credits';

CREATE TABLE IF NOT EXISTS `tributary`.`triggers`
(
    `trigger_id` String CODEC(ZSTD(1)),
    `rule` LowCardinality(String),
    `person` String CODEC(ZSTD(1)),
    `matched_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `event_ids` Array(String) CODEC(ZSTD(1)),
    `action` LowCardinality(String),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`matched_at`)
ORDER BY (`matched_at`, `trigger_id`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: what rules found; read v_triggers';

CREATE TABLE IF NOT EXISTS `tributary`.`minute_delivery`
(
    `minute` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `campaign_id` LowCardinality(String),
    `channel` LowCardinality(String),
    `currency` LowCardinality(String),
    `impressions` Int64 CODEC(T64, ZSTD(1)),
    `clicks` Int64 CODEC(T64, ZSTD(1)),
    `givt_impressions` Int64 CODEC(T64, ZSTD(1)),
    `sivt_impressions` Int64 CODEC(T64, ZSTD(1)),
    `givt_clicks` Int64 CODEC(T64, ZSTD(1)),
    `sivt_clicks` Int64 CODEC(T64, ZSTD(1)),
    `spend_micros` Int64 CODEC(T64, ZSTD(1)),
    `invalid_spend_micros` Int64 CODEC(T64, ZSTD(1)),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`minute`)
ORDER BY (`minute`, `campaign_id`, `channel`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_minute_delivery';

CREATE TABLE IF NOT EXISTS `tributary`.`hour_delivery`
(
    `hour` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `campaign_id` LowCardinality(String),
    `ad_group_id` String CODEC(ZSTD(1)),
    `creative_id` String CODEC(ZSTD(1)),
    `publisher_id` LowCardinality(String),
    `country` LowCardinality(String),
    `channel` LowCardinality(String),
    `currency` LowCardinality(String),
    `impressions` Int64 CODEC(T64, ZSTD(1)),
    `clicks` Int64 CODEC(T64, ZSTD(1)),
    `givt_impressions` Int64 CODEC(T64, ZSTD(1)),
    `sivt_impressions` Int64 CODEC(T64, ZSTD(1)),
    `givt_clicks` Int64 CODEC(T64, ZSTD(1)),
    `sivt_clicks` Int64 CODEC(T64, ZSTD(1)),
    `spend_micros` Int64 CODEC(T64, ZSTD(1)),
    `invalid_spend_micros` Int64 CODEC(T64, ZSTD(1)),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`hour`)
ORDER BY (`hour`, `campaign_id`, `ad_group_id`, `creative_id`, `publisher_id`, `country`, `channel`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_hour_delivery';

CREATE TABLE IF NOT EXISTS `tributary`.`minute_invalid`
(
    `minute` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `campaign_id` LowCardinality(String),
    `publisher_id` LowCardinality(String),
    `type` LowCardinality(String),
    `reason` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` Int64 CODEC(T64, ZSTD(1)),
    `spend_micros` Int64 CODEC(T64, ZSTD(1)),
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`minute`)
ORDER BY (`minute`, `campaign_id`, `publisher_id`, `type`, `reason`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_minute_invalid';

CREATE TABLE IF NOT EXISTS `tributary`.`minute_conversions`
(
    `minute` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `conversion_name` LowCardinality(String),
    `currency` LowCardinality(String),
    `conversions` Int64 CODEC(T64, ZSTD(1)),
    `invalid_conversions` Int64 CODEC(T64, ZSTD(1)),
    `duplicate_conversions` Int64 CODEC(T64, ZSTD(1)),
    `retracted_conversions` Int64 CODEC(T64, ZSTD(1)),
    `value_micros` Int64 CODEC(T64, ZSTD(1)),
    `unattributed` Int64 CODEC(T64, ZSTD(1)),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`minute`)
ORDER BY (`minute`, `conversion_name`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_minute_conversions';

CREATE TABLE IF NOT EXISTS `tributary`.`minute_attribution`
(
    `minute` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `model` LowCardinality(String),
    `campaign_id` LowCardinality(String),
    `channel` LowCardinality(String),
    `currency` LowCardinality(String),
    `credit_ppm` Int64 CODEC(T64, ZSTD(1)),
    `value_micros` Int64 CODEC(T64, ZSTD(1)),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`minute`)
ORDER BY (`minute`, `model`, `campaign_id`, `channel`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_minute_attribution';

CREATE TABLE IF NOT EXISTS `tributary`.`hour_attribution_by_touch`
(
    `hour` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `model` LowCardinality(String),
    `campaign_id` LowCardinality(String),
    `channel` LowCardinality(String),
    `currency` LowCardinality(String),
    `credit_ppm` Int64 CODEC(T64, ZSTD(1)),
    `value_micros` Int64 CODEC(T64, ZSTD(1)),
    `restated` Bool,
    `shard` UInt16,
    `rev` UInt64 CODEC(Delta, ZSTD(1)),
    `is_deleted` UInt8
)
ENGINE = ReplacingMergeTree(rev, is_deleted)
PARTITION BY toYYYYMM(`hour`)
ORDER BY (`hour`, `model`, `campaign_id`, `channel`, `currency`, `shard`)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'tributary: sums; read v_hour_attribution_by_touch';

CREATE OR REPLACE VIEW `tributary`.`v_minute_delivery` AS
SELECT `minute`, `campaign_id`, `channel`, `currency`, `impressions`, `clicks`, `givt_impressions`, `sivt_impressions`, `givt_clicks`, `sivt_clicks`, `spend_micros`, `invalid_spend_micros`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`minute`) + 59999 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_delivery'), 'final', 'provisional') AS status
FROM `tributary`.`minute_delivery` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_delivery') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_hour_delivery` AS
SELECT `hour`, `campaign_id`, `ad_group_id`, `creative_id`, `publisher_id`, `country`, `channel`, `currency`, `impressions`, `clicks`, `givt_impressions`, `sivt_impressions`, `givt_clicks`, `sivt_clicks`, `spend_micros`, `invalid_spend_micros`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`hour`) + 3599999 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'hour_delivery'), 'final', 'provisional') AS status
FROM `tributary`.`hour_delivery` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'hour_delivery') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_minute_invalid` AS
SELECT `minute`, `campaign_id`, `publisher_id`, `type`, `reason`, `currency`, `events`, `spend_micros`
FROM `tributary`.`minute_invalid` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_invalid') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_minute_conversions` AS
SELECT `minute`, `conversion_name`, `currency`, `conversions`, `invalid_conversions`, `duplicate_conversions`, `retracted_conversions`, `value_micros`, `unattributed`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`minute`) + 59999 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_conversions'), 'final', 'provisional') AS status
FROM `tributary`.`minute_conversions` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_conversions') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_minute_attribution` AS
SELECT `minute`, `model`, `campaign_id`, `channel`, `currency`, `credit_ppm`, `value_micros`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`minute`) + 59999 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_attribution'), 'final', 'provisional') AS status
FROM `tributary`.`minute_attribution` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'minute_attribution') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_hour_attribution_by_touch` AS
SELECT `hour`, `model`, `campaign_id`, `channel`, `currency`, `credit_ppm`, `value_micros`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`hour`) + 2595599999 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'hour_attribution_by_touch'), 'final', 'provisional') AS status
FROM `tributary`.`hour_attribution_by_touch` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'hour_attribution_by_touch') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_sessions` AS
SELECT `session_id`, `person`, `start`, `end`, `events`, `impressions`, `clicks`, `conversions`, `entry_channel`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`end`) + 1800000 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'sessions'), 'final', 'provisional') AS status
FROM `tributary`.`sessions` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'sessions') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_conversions` AS
SELECT `conversion_id`, `person`, `event_time`, `conversion_name`, `order_id`, `original_value_micros`, `value_micros`, `currency`, `verdict`, `adjusted`, `touches`, `touches_dropped`, `session_id`, multiIf(restated, 'restated', toUnixTimestamp64Milli(`event_time`) + 0 <= (SELECT argMax(watermark, rev) FROM `tributary`.`sync_progress` WHERE `table` = 'conversions'), 'final', 'provisional') AS status
FROM `tributary`.`conversions` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'conversions') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_credits` AS
SELECT `conversion_id`, credit_model AS `model`, toInt64(credit_position) AS `position`, `touch_times`[credit_touch] AS `touch_time`, `touch_event_ids`[credit_touch] AS `touch_event_id`, `touch_types`[credit_touch] AS `touch_type`, `touch_campaigns`[credit_touch] AS `campaign_id`, `touch_ad_groups`[credit_touch] AS `ad_group_id`, `touch_creatives`[credit_touch] AS `creative_id`, `touch_channels`[credit_touch] AS `channel`, `touches`, credit_ppm AS `credit_ppm`, credit_value_micros AS `value_micros`, `currency`
FROM (SELECT `conversion_id`, `touches`, `currency`, `touch_times`, `touch_event_ids`, `touch_types`, `touch_campaigns`, `touch_ad_groups`, `touch_creatives`, `touch_channels`, `credit_models`, `credit_positions`, `credit_touches`, `credit_ppms`, `credit_micros` FROM `tributary`.`conversions` FINAL WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'conversions') SETTINGS do_not_merge_across_partitions_select_final = 1)
ARRAY JOIN credit_models AS credit_model, credit_positions AS credit_position, credit_touches AS credit_touch, credit_ppms AS credit_ppm, credit_micros AS credit_value_micros;

CREATE OR REPLACE VIEW `tributary`.`v_credit_journal` AS
SELECT `journal_id`, `conversion_id`, `model`, `touch_time`, `touch_event_id`, `touch_type`, `delta_ppm`, `delta_micros`, `cause`, `at`
FROM `tributary`.`credit_journal` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'credit_journal') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_verdicts` AS
SELECT `event_id`, `event_time`, `person`, `type`, `campaign_id`, `verdict`, `tier`, `reasons`, `shadow_reasons`, `score`, `version`
FROM `tributary`.`verdicts` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'verdicts') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_late_events` AS
SELECT `event_id`, `event_time`, `position`, `type`, `watermark`, `lateness_ms`, `payload`
FROM `tributary`.`late_events` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'late_events') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`v_dead_letters` AS
SELECT `position`, `code`, `message`, `payload`
FROM `tributary`.`dead_letters` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'dead_letters');

CREATE OR REPLACE VIEW `tributary`.`v_triggers` AS
SELECT `trigger_id`, `rule`, `person`, `matched_at`, `event_ids`, `action`
FROM `tributary`.`triggers` FINAL
WHERE rev >= (SELECT max(floor) FROM `tributary`.`sync_progress` WHERE `table` = 'triggers') SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW `tributary`.`progress` AS
SELECT p.`table` AS `table`, p.shard AS shard, argMax(p.commit, p.rev) AS commit, fromUnixTimestamp64Milli(greatest(-2208988800000, least(9223372036854, argMax(p.watermark, p.rev))), 'UTC') AS watermark, argMax(p.epoch, p.rev) AS epoch
FROM `tributary`.`sync_progress` AS p
GROUP BY p.`table`, p.shard;
