package snowflake

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// ready logs in and sees to schema, tables and views, once.
func (s *Sink) ready(ctx context.Context) (err error) {
	if s.client == nil {
		if s.client, err = newClient(s.cfg, s.deps.Version); err != nil {
			return err
		}
	}
	if s.made {
		return nil
	}
	const doing = "looking for the tables"
	hash, version, err := s.marked(ctx)
	if err != nil {
		return fault(doing, err)
	}
	switch {
	case hash == s.schema.hash():
		s.made = true
		return nil
	case version > schemaVersion:
		return fault(doing, fmt.Errorf("they are of version %d, this program knows %d: they were made by a newer release; upgrade this one, or give it a schema of its own (sinks.snowflake.schema)", version, schemaVersion))
	case !s.cfg.Migrate:
		return fault(doing, errors.New("they are not as this release wants them, and sinks.snowflake.migrate is false: run the statements that the dry run prints, as a role that may"))
	case version == 0:
		if err := s.refuseForeign(ctx); err != nil {
			return fault(doing, err)
		}
	}
	statements := s.schema.all()
	if version > 0 {
		var add []string
		for _, t := range kept() {
			add = append(add, s.schema.addColumns(t)...)
		}
		views := len(statements) - len(table.All) // they come last, and want the columns
		statements = append(append(append([]string{}, statements[:views]...), add...), statements[views:]...)
	}
	for i, q := range statements {
		if _, err := s.client.run(ctx, q, ""); err != nil {
			return fault(fmt.Sprintf("making the tables: %.70s...", q), err)
		}
		if i == 1 && version == 0 { // the marker is there: all that follows is ours, even if the rest fails
			if _, err := s.client.run(ctx, s.schema.mark("unfinished"), ""); err != nil {
				return fault("making the tables", err)
			}
		}
	}
	s.made = true
	if s.schema.sameLayout(hash) { // only views differ
		return s.mark(ctx)
	}
	s.unmarked = true
	return nil
}

// marked reads which schema is there; version 0 when it is none of ours.
func (s *Sink) marked(ctx context.Context) (hash string, version int, err error) {
	found, err := s.client.run(ctx, `SELECT "HASH", "VERSION" FROM `+s.schema.qualified(marker)+` WHERE "ONE" = 1`, "")
	if isMissing(err) {
		return "", 0, nil
	}
	if err != nil || len(found) == 0 || len(found[0]) != 2 || found[0][0] == nil {
		return "", 0, err
	}
	n, err := numbers(found[0][1:])
	if err != nil {
		return "", 0, err
	}
	return *found[0][0], int(n[0]), nil
}

// refuseForeign wants that none of our names is taken.
func (s *Sink) refuseForeign(ctx context.Context) error {
	names := []string{"'" + upper(rows.Progress) + "'"}
	for _, t := range table.All {
		names = append(names, "'"+upper(t.Name)+"'", "'"+upper(rows.ViewName(t))+"'")
	}
	found, err := s.client.run(ctx, fmt.Sprintf("SELECT TABLE_NAME FROM %s.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME IN (%s)",
		quote(s.cfg.Database), upper(s.cfg.Schema), strings.Join(names, ", ")), "")
	if err != nil {
		return err
	}
	if len(found) > 0 && len(found[0]) > 0 && found[0][0] != nil {
		return fmt.Errorf("the schema already has a table %s that is not ours: set sinks.snowflake.schema to one that holds nothing else", *found[0][0])
	}
	return nil
}

// mark notes that the tables are as they should be, rows included.
func (s *Sink) mark(ctx context.Context) error {
	if _, err := s.client.run(ctx, s.schema.mark(s.schema.hash()), ""); err != nil {
		return fault("making the tables", err)
	}
	s.unmarked = false
	return nil
}
