package service

import "github.com/tributary-data/tributary/configs"

// checkSupported refuses a configuration that asks for a source or a sink which
// this version can read about but not serve: going on without it would look as
// though it worked.
func checkSupported(c *configs.Config) error {
	var faults []configs.Fault
	missing := func(asked bool, key, what string) {
		if asked {
			faults = append(faults, configs.Fault{Key: key, Message: "this version has no " + what, Hint: "take the section out"})
		}
	}
	s := &c.Sinks
	missing(s.ClickHouse != nil, "sinks.clickhouse", "ClickHouse sink")
	missing(s.Postgres != nil, "sinks.postgres", "PostgreSQL sink")
	missing(s.BigQuery != nil, "sinks.bigquery", "BigQuery sink")
	missing(s.Snowflake != nil, "sinks.snowflake", "Snowflake sink")
	if faults == nil {
		return nil
	}
	return &configs.Error{Faults: faults}
}
